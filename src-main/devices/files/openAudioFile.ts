/**
 * Any recording as 16 kHz mono blocks.
 *
 * The rule: the content says what a file is, memory stays constant for any length, a file that ends early or
 * has damaged places gives the audio it has and a warning, and one that has none is an error that says so.
 * Worst case: a file of noise that begins like an MP3 is read to its end before it is refused.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { SottoError } from '../../contract/errors.ts';
import { ByteReader } from '../../core/audio/byteReader.ts';
import { Resampler } from '../../core/audio/resample.ts';
import { frameBytes } from '../../core/audio/sampleFormat.ts';
import { readWav } from '../../core/audio/wav.ts';
import { type AudioKind, sniffAudio, sniffBytes } from './audioKind.ts';
import { type DecodedBlock, openDecoder } from './compressedDecoder.ts';
import { OggPages } from './oggPages.ts';

const outRateHz = 16_000;
/** A few seconds of a compressed file at a time. */
const chunkBytes = 32 * 1024;
/** No decoder's chunk becomes a block longer than this: a second, so that cancelling is prompt. */
const maxBlockSamples = outRateHz;

export interface AudioFile {
  readonly kind: AudioKind;
  /** Rate of the blocks: always 16000. */
  readonly rateHz: 16_000;
  /** What the header promises, where it does. */
  readonly durationMs?: number;
  /** Mono blocks in [-1, 1]; may be iterated once. Throws `bad-file` when there is no audio at all. */
  readonly blocks: AsyncIterable<Float32Array>;
  /** What was wrong but could be passed over, in whole sentences; complete after the last block. */
  readonly warnings: () => readonly string[];
}

/** Opens a recording. Aborting ends the blocks with the signal's reason and closes the file. */
export async function openAudioFile(path: string, signal?: AbortSignal): Promise<AudioFile> {
  const name = basename(path);
  try {
    const { size, isFile } = await fileFacts(path);
    if (isFile && size === 0) throw badFile(`${name} is empty.`);
    const source = createReadStream(path, { highWaterMark: chunkBytes });
    return await openAudioStream(source, name, signal, isFile ? size : undefined);
  } catch (error) {
    throw fileError(error, name);
  }
}

/** The same for bytes from elsewhere (a pipe); `name` is what messages call it. */
export async function openAudioStream(
  source: AsyncIterable<Uint8Array>,
  name: string,
  signal?: AbortSignal,
  sizeBytes?: number,
): Promise<AudioFile> {
  signal?.throwIfAborted();
  const reader = new ByteReader(source);
  const warnings: string[] = [];
  try {
    const { kind, head } = await kindOf(reader, name);
    const opened =
      kind === 'wav'
        ? await openWav(reader, name, sizeBytes, warnings)
        : { blocks: decoded(reader, kind, name, warnings), ...flacDuration(kind, head) };
    const { blocks, ...facts } = opened;
    return {
      kind,
      rateHz: outRateHz,
      ...facts,
      blocks: guarded(blocks, name, signal),
      warnings: () => warnings,
    };
  } catch (error) {
    await reader.close();
    throw fileError(error, name);
  }
}

async function kindOf(reader: ByteReader, name: string): Promise<{ kind: AudioKind; head: Uint8Array }> {
  for (;;) {
    const head = await reader.take(sniffBytes);
    if (head.length === 0) throw badFile(`${name} is empty.`);
    const sniffed = sniffAudio(head);
    switch (sniffed.kind) {
      case 'unknown':
        throw badFile(`${name} is not a recording that Sotto knows.`);
      case 'foreign':
        throw new SottoError(`${name} holds ${sniffed.name}, which Sotto does not read. ${remedy}`, {
          code: 'unsupported-format',
          stage: 'device',
        });
      case 'id3':
        reader.unread(head);
        await reader.skip(sniffed.tagBytes);
        break;
      default:
        reader.unread(head);
        return { kind: sniffed.kind, head };
    }
  }
}

interface Opened {
  readonly durationMs?: number;
  readonly blocks: AsyncIterable<Float32Array>;
}

async function openWav(
  reader: ByteReader,
  name: string,
  sizeBytes: number | undefined,
  warnings: string[],
): Promise<Opened> {
  const { format, promisedBytes, blocks } = await readWav(reader.rest());
  const secondBytes = frameBytes(format) * format.rateHz;
  const bytes = Math.min(promisedBytes ?? Number.POSITIVE_INFINITY, sizeBytes ?? Number.POSITIVE_INFINITY);
  const durationMs = Number.isFinite(bytes) ? { durationMs: (bytes / secondBytes) * 1000 } : {};
  async function* counted(): AsyncGenerator<{ readonly pcm: Float32Array; readonly rateHz: number }> {
    let frames = 0;
    for await (const pcm of blocks) {
      frames += pcm.length;
      yield { pcm, rateHz: format.rateHz };
    }
    if (promisedBytes !== undefined && frames * frameBytes(format) + frameBytes(format) <= promisedBytes) {
      warnings.push(`${name} ends before its header says; what there is was used.`);
    }
  }
  return { ...durationMs, blocks: toOutRate(counted()) };
}

/** A FLAC file's STREAMINFO block says how long it is: 20 bits of rate, 36 bits of samples. */
function flacDuration(kind: AudioKind, head: Uint8Array): { readonly durationMs?: number } {
  if (kind !== 'flac' || head.length < 26 || head[0] !== 0x66) return {};
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(18, 22);
  const rateHz = (a << 12) | (b << 4) | (c >> 4);
  const low = new DataView(head.buffer, head.byteOffset).getUint32(22);
  const samples = (d & 15) * 2 ** 32 + low;
  return rateHz > 0 && samples > 0 ? { durationMs: (samples / rateHz) * 1000 } : {};
}

async function* decoded(
  reader: ByteReader,
  kind: Exclude<AudioKind, 'wav'>,
  name: string,
  warnings: string[],
): AsyncGenerator<Float32Array> {
  const decoder = await openDecoder(kind);
  const ogg = kind === 'opus' || kind === 'vorbis';
  let errors = 0;
  let samples = 0;
  async function* monoBlocks(): AsyncGenerator<{ readonly pcm: Float32Array; readonly rateHz: number }> {
    const mono = (block: DecodedBlock) => {
      errors += block.errors;
      const pcm = mixed(block.channels);
      samples += pcm.length;
      return { pcm, rateHz: block.rateHz };
    };
    for await (const chunk of wholePages(reader.rest(), ogg, () => errors++)) {
      yield mono(await decoder.decode(chunk));
    }
    yield mono(await decoder.flush());
  }
  try {
    yield* toOutRate(monoBlocks());
  } catch (error) {
    if (error instanceof Error && 'code' in error) throw error; // the file system's
    errors++; // a decoder that gave up: what it gave before counts
  } finally {
    decoder.free();
    await reader.close();
  }
  if (samples === 0) throw badFile(`${name} holds no audio that can be decoded; it may be damaged.`);
  if (errors > 0)
    warnings.push(`${name} is damaged in ${errors} place${errors === 1 ? '' : 's'}; the rest was used.`);
}

/** Of an Ogg file the undamaged pages, of others the chunks as they are. */
async function* wholePages(
  chunks: AsyncIterable<Uint8Array>,
  ogg: boolean,
  damaged: () => void,
): AsyncGenerator<Uint8Array> {
  const filter = new OggPages();
  for await (const chunk of chunks) {
    const { pages, errors } = ogg ? filter.push(chunk) : { pages: chunk, errors: 0 };
    if (errors > 0) damaged();
    if (pages.length > 0) yield pages;
  }
  if (filter.finish().errors > 0) damaged();
}

/** Converts a stream whose rate is known with each block, and may change (chained Ogg files). */
async function* toOutRate(
  blocks: AsyncIterable<{ readonly pcm: Float32Array; readonly rateHz: number }>,
): AsyncGenerator<Float32Array> {
  let resampler: Resampler | undefined;
  for await (const { pcm, rateHz } of blocks) {
    if (pcm.length === 0) continue;
    if (resampler === undefined || resampler.inRateHz !== rateHz) {
      if (resampler !== undefined) yield* sliced(resampler.flush());
      resampler = new Resampler(rateHz, outRateHz);
    }
    yield* sliced(resampler.push(pcm));
  }
  if (resampler !== undefined) yield* sliced(resampler.flush());
}

function* sliced(pcm: Float32Array): Generator<Float32Array> {
  for (let at = 0; at < pcm.length; at += maxBlockSamples) yield pcm.slice(at, at + maxBlockSamples);
}

/** Mean of all channels, clipped and without NaN. */
function mixed(channels: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(channels[0]?.length ?? 0);
  for (const channel of channels) {
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) + (channel[i] ?? 0) / channels.length;
  }
  for (let i = 0; i < out.length; i++) {
    const sample = out[i] ?? 0;
    if (!(sample >= -1 && sample <= 1)) out[i] = sample > 1 ? 1 : sample < -1 ? -1 : 0;
  }
  return out;
}

async function* guarded(
  blocks: AsyncIterable<Float32Array>,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Float32Array> {
  try {
    for await (const block of blocks) {
      signal?.throwIfAborted();
      yield block;
    }
  } catch (error) {
    signal?.throwIfAborted();
    throw fileError(error, name);
  }
}

const remedy = 'Give a recording as WAV, FLAC, MP3 or Ogg.';

function badFile(what: string): SottoError {
  return new SottoError(`${what} ${remedy}`, { code: 'bad-file', stage: 'device' });
}

async function fileFacts(path: string): Promise<{ readonly size: number; readonly isFile: boolean }> {
  const facts = await stat(path);
  return { size: facts.size, isFile: facts.isFile() };
}

const reasons: { readonly [code: string]: string } = {
  ENOENT: 'does not exist. Check the name.',
  EACCES: 'may not be read by you. Check its permissions.',
  EPERM: 'may not be read by you. Check its permissions.',
  EISDIR: 'is a folder. Name the recordings in it.',
};

/** A file system's complaint in words; everything else as it is. */
function fileError(error: unknown, name: string): unknown {
  if (error instanceof SottoError || !(error instanceof Error) || !('code' in error)) return error;
  const reason = reasons[String(error.code)] ?? `cannot be read (${String(error.code)}).`;
  return new SottoError(`${name} ${reason}`, { code: 'bad-file', stage: 'device', cause: error });
}
