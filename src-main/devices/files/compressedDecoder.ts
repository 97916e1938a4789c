/**
 * FLAC, MP3, Ogg Opus and Ogg Vorbis, chunk by chunk.
 *
 * Decoding a whole file at once takes 700 MB for an hour. The rule: one chunk of the file in, its samples
 * out, nothing kept; the decoders are WebAssembly, so that no native code of a stranger's file format runs in
 * this process. They are loaded when the first such file is opened. Worst case: a damaged stretch is skipped
 * by the decoder and counted.
 */
import { SottoError } from '../../contract/errors.ts';
import type { AudioKind } from './audioKind.ts';

export interface DecodedBlock {
  /** One array a channel, equally long. */
  readonly channels: readonly Float32Array[];
  readonly rateHz: number;
  /** Damaged places in this chunk. */
  readonly errors: number;
}

export interface CompressedDecoder {
  decode(chunk: Uint8Array): Promise<DecodedBlock>;
  /** What is left in the decoder at the end of the file. */
  flush(): Promise<DecodedBlock>;
  free(): void;
}

/** What the four packages have in common. */
interface WasmAudio {
  readonly channelData: readonly Float32Array[];
  readonly samplesDecoded: number;
  readonly sampleRate: number;
  readonly errors: readonly unknown[];
}

interface WasmDecoder {
  readonly ready: Promise<void>;
  decode(chunk: Uint8Array): WasmAudio | Promise<WasmAudio>;
  flush?(): WasmAudio | Promise<WasmAudio>;
  free(): void;
}

/** A decoder for one file. Rejects when its WebAssembly cannot be loaded. */
export async function openDecoder(kind: Exclude<AudioKind, 'wav'>): Promise<CompressedDecoder> {
  let decoder: WasmDecoder;
  try {
    decoder = await createDecoder(kind);
    await decoder.ready;
  } catch (cause) {
    throw new SottoError(`The decoder for ${kind} files could not be loaded. Run "npm run setup" again.`, {
      code: 'internal',
      stage: 'device',
      cause,
    });
  }
  return {
    decode: async (chunk) => block(await decoder.decode(chunk)),
    flush: async () => (decoder.flush === undefined ? nothing : block(await decoder.flush())),
    free: () => decoder.free(),
  };
}

async function createDecoder(kind: Exclude<AudioKind, 'wav'>): Promise<WasmDecoder> {
  switch (kind) {
    case 'flac':
      return new (await import('@wasm-audio-decoders/flac')).FLACDecoder();
    case 'mp3':
      return new (await import('mpg123-decoder')).MPEGDecoder();
    case 'opus':
      return new (await import('ogg-opus-decoder')).OggOpusDecoder();
    case 'vorbis':
      return new (await import('@wasm-audio-decoders/ogg-vorbis')).OggVorbisDecoder();
  }
}

const nothing: DecodedBlock = { channels: [], rateHz: 0, errors: 0 };

function block(audio: WasmAudio): DecodedBlock {
  const channels = audio.samplesDecoded > 0 ? audio.channelData : [];
  return { channels, rateHz: audio.sampleRate, errors: audio.errors.length };
}
