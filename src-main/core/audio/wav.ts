/**
 * WAV files, read as a stream and written.
 *
 * Headers lie: recorders that were killed leave a length of 0 or 4 GB, others say 6 channels and hold two.
 * The rule: sizes in the header are upper bounds and never allocated; the sample layout must be possible, or
 * the file is refused with what it is; audio that ends early is audio. Memory is one chunk for any length.
 * Worst case: a header that lies about the rate plays too fast; nothing in the file can tell.
 */
import { SottoError } from '../../contract/errors.ts';
import { ByteReader } from './byteReader.ts';
import { decodeMono, frameBytes, type SampleEncoding, type SampleLayout } from './sampleFormat.ts';

export interface WavFormat extends SampleLayout {
  readonly rateHz: number;
  readonly bitsPerSample: number;
}

export interface WavStream {
  readonly format: WavFormat;
  /** Bytes of audio the header promises; undefined when it says "unknown" (0 or all ones). */
  readonly promisedBytes: number | undefined;
  /** Mono samples in [-1, 1] at the file's rate; may be iterated once. */
  readonly blocks: AsyncIterable<Float32Array>;
}

const unknownSize = 0xffff_ffff;
/** Nobody speaks into anything slower or faster; outside of it the header is wrong. */
const minRateHz = 1_000;
const maxRateHz = 768_000;
/** WAVE_FORMAT_EXTENSIBLE's own channel mask ends here. */
const maxChannels = 32;
/** A fmt chunk is 16 to 40 bytes; longer ones are skipped over, not kept. */
const fmtBytes = 40;

/**
 * Reads a WAV header (RIFF or RF64) from a stream of bytes and offers the audio behind it.
 * Rejects with `bad-file` when it is no WAV and `unsupported-format` when it is one we cannot decode.
 * Leaving the blocks' iteration early closes the source.
 */
export async function readWav(source: AsyncIterable<Uint8Array>): Promise<WavStream> {
  const reader = new ByteReader(source);
  try {
    return await readHeader(reader);
  } catch (error) {
    await reader.close();
    throw error;
  }
}

async function readHeader(reader: ByteReader): Promise<WavStream> {
  const riff = await reader.take(12);
  if (riff.length === 0) throw badFile('The file is empty.');
  const kind = text(riff, 0);
  if ((kind !== 'RIFF' && kind !== 'RF64') || text(riff, 8) !== 'WAVE')
    throw badFile('This is not a WAV file.');
  let format: WavFormat | undefined;
  let longDataBytes: number | undefined;
  for (;;) {
    const head = await reader.take(8);
    if (head.length < 8) throw badFile('The WAV file ends before its audio begins.');
    const id = text(head, 0);
    const sizeBytes = view(head).getUint32(4, true);
    if (id === 'data') {
      if (format === undefined) throw badFile('The WAV file does not say what its samples are.');
      const size = sizeBytes === unknownSize ? (longDataBytes ?? unknownSize) : sizeBytes;
      const promisedBytes = size === 0 || size === unknownSize ? undefined : size;
      return { format, promisedBytes, blocks: audioBlocks(reader, format, promisedBytes) };
    }
    if (id === 'fmt ') format = parseFormat(await chunk(reader, sizeBytes, fmtBytes));
    else if (id === 'ds64') longDataBytes = longSize(await chunk(reader, sizeBytes, 16));
    else await reader.skip(sizeBytes + (sizeBytes % 2));
  }
}

/** The first `keep` bytes of a chunk's body; the rest and the padding byte are passed over. */
async function chunk(reader: ByteReader, sizeBytes: number, keep: number): Promise<Uint8Array> {
  const body = await reader.take(Math.min(sizeBytes, keep));
  await reader.skip(sizeBytes + (sizeBytes % 2) - body.length);
  return body;
}

async function* audioBlocks(
  reader: ByteReader,
  format: WavFormat,
  limitBytes: number | undefined,
): AsyncGenerator<Float32Array> {
  const step = frameBytes(format);
  let left: Uint8Array = new Uint8Array(0);
  for await (const part of reader.rest(limitBytes)) {
    const joined = left.length === 0 ? part : concat(left, part);
    const whole = joined.length - (joined.length % step);
    left = joined.slice(whole);
    if (whole > 0) yield decodeMono(joined.subarray(0, whole), format);
  }
}

const encodings = new Map<number, string>([
  [0x0002, 'Microsoft ADPCM'],
  [0x0011, 'IMA ADPCM'],
  [0x0031, 'GSM 6.10'],
  [0x0050, 'MPEG'],
  [0x0055, 'MP3'],
  [0x00ff, 'AAC'],
  [0x0161, 'Windows Media Audio'],
]);

function parseFormat(body: Uint8Array): WavFormat {
  if (body.length < 16) throw badFile('The WAV header is cut off.');
  const fields = view(body);
  let tag = fields.getUint16(0, true);
  const channels = fields.getUint16(2, true);
  const rateHz = fields.getUint32(4, true);
  const blockAlign = fields.getUint16(12, true);
  const bitsPerSample = fields.getUint16(14, true);
  if (tag === 0xfffe && body.length >= 26) tag = fields.getUint16(24, true); // the sub-format's first field
  const encoding = encodingOf(tag, bitsPerSample);
  if (channels === 0 || channels > maxChannels) throw badFile(`The WAV header says ${channels} channels.`);
  if (rateHz < minRateHz || rateHz > maxRateHz)
    throw badFile(`The WAV header says ${rateHz} samples a second.`);
  const packed = Math.ceil(bitsPerSample / 8);
  // A block may hold padded samples (24 bits in 4 bytes); a block size that fits no container is a lie.
  const padded = blockAlign % channels === 0 ? blockAlign / channels : 0;
  const containerBytes = encoding === 'signed' && padded > packed && padded <= 8 ? padded : packed;
  return { encoding, channels, containerBytes, rateHz, bitsPerSample };
}

function encodingOf(tag: number, bits: number): SampleEncoding {
  if (tag === 1 && bits >= 1 && bits <= 8) return 'unsigned';
  if (tag === 1 && bits > 8 && bits <= 64) return 'signed';
  if (tag === 3 && (bits === 32 || bits === 64)) return 'float';
  if (tag === 6 && bits === 8) return 'alaw';
  if (tag === 7 && bits === 8) return 'mulaw';
  const name = encodings.get(tag) ?? `format ${tag} with ${bits} bits`;
  throw new SottoError(
    `The WAV file holds ${name}; Sotto reads PCM, float, µ-law and A-law. Convert it to PCM.`,
    {
      code: 'unsupported-format',
      stage: 'device',
    },
  );
}

function longSize(body: Uint8Array): number | undefined {
  if (body.length < 16) return undefined;
  const size = view(body).getBigUint64(8, true);
  return size > 0n && size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : undefined;
}

/** A whole recording as a 16-bit mono WAV file. Samples beyond full scale are clipped. */
export function encodeWav(pcm: Float32Array, rateHz: number): Uint8Array {
  const out = new Uint8Array(wavHeaderBytes + pcm.length * 2);
  out.set(wavHeader(rateHz, pcm.length));
  out.set(encodePcm16(pcm), wavHeaderBytes);
  return out;
}

export const wavHeaderBytes = 44;

/**
 * Header of a 16-bit mono WAV of `samples` samples. A writer that does not know the length yet writes one
 * with `undefined` ("unknown": readers go on to the end of the file) and writes it again at the end.
 */
export function wavHeader(rateHz: number, samples: number | undefined): Uint8Array {
  const out = new Uint8Array(wavHeaderBytes);
  const fields = view(out);
  const longest = unknownSize - wavHeaderBytes;
  const dataBytes = samples === undefined ? unknownSize : Math.min(samples * 2, longest);
  put(out, 0, 'RIFF');
  fields.setUint32(4, samples === undefined ? unknownSize : dataBytes + wavHeaderBytes - 8, true);
  put(out, 8, 'WAVEfmt ');
  fields.setUint32(16, 16, true);
  fields.setUint16(20, 1, true); // PCM
  fields.setUint16(22, 1, true); // channels
  fields.setUint32(24, rateHz, true);
  fields.setUint32(28, rateHz * 2, true);
  fields.setUint16(32, 2, true);
  fields.setUint16(34, 16, true);
  put(out, 36, 'data');
  fields.setUint32(40, dataBytes, true);
  return out;
}

/** 16-bit little endian samples, rounded and clipped. */
export function encodePcm16(pcm: Float32Array): Uint8Array {
  const out = new Uint8Array(pcm.length * 2);
  const fields = view(out);
  for (let i = 0; i < pcm.length; i++) {
    const scaled = Math.round((pcm[i] ?? 0) * 32_768);
    fields.setInt16(i * 2, Math.max(-32_768, Math.min(32_767, scaled)), true);
  }
  return out;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function text(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function put(out: Uint8Array, at: number, ascii: string): void {
  for (let i = 0; i < ascii.length; i++) out[at + i] = ascii.charCodeAt(i);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const out = new Uint8Array(a.length + b.length);
  out.set(a);
  out.set(b, a.length);
  return out;
}

function badFile(what: string): SottoError {
  return new SottoError(`${what} Give a recording as WAV, FLAC, MP3 or Ogg.`, {
    code: 'bad-file',
    stage: 'device',
  });
}
