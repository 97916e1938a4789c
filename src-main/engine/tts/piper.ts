/**
 * A Piper voice, streamed: the text half once, the sound half in growing chunks.
 *
 * Run whole, a sentence is heard only when all of it is computed. The rule: chunks overlap by more frames
 * than the decoder can see, and only samples with a full view are kept, so joined chunks equal the whole.
 * Worst case: a graph without the known pattern is run whole, with even durations.
 */
import { readFile } from 'node:fs/promises';
import { SottoError } from '../../contract/errors.ts';
import { readOnnx } from '../../core/onnx/subgraph.ts';
import { openSession, type Session, Tensor } from '../runtime/ort.ts';
import type { PiperConfig } from './piperConfig.ts';
import { type CutVoice, cutVoice } from './piperGraph.ts';

/** Frames the decoder sees to either side: 11 (medium) and 13 (high), computed from kernels and dilations. */
export const viewFrames = 16;
export const firstChunkFrames = 24;
/** 1.5 s of sound; about 70 ms of computing a run on two cores (2026-11-23). */
const maxChunkFrames = 128;

export interface Utterance {
  /** Samples each id takes; their sum is the number of samples. */
  readonly idSamples: readonly number[];
  readonly chunks: AsyncGenerator<Float32Array>;
}

export class PiperVoice {
  private constructor(
    private readonly config: PiperConfig,
    private readonly cut: Pick<CutVoice, 'frames' | 'durations' | 'output'> | undefined,
    private readonly encoder: Session,
    private readonly decoder: Session | undefined,
  ) {}

  /** Opens the voice's file. Throws model-missing or model-corrupt. */
  static async open(modelFile: string, config: PiperConfig, threads: number): Promise<PiperVoice> {
    const options = { threads, provider: 'cpu' as const };
    let bytes: Uint8Array;
    try {
      bytes = await readFile(modelFile);
    } catch (cause) {
      throw new SottoError(
        `The voice's file is missing or unreadable: ${modelFile}. Fetch it with "sotto models pull".`,
        {
          code: 'model-missing',
          stage: 'tts',
          cause,
        },
      );
    }
    try {
      const cut = cutVoice(readOnnx(bytes));
      if (cut === undefined)
        return new PiperVoice(config, undefined, await openSession(modelFile, options), undefined);
      const encoder = await openSession(cut.encoder.bytes, options);
      const decoder = await openSession(cut.decoder.bytes, options);
      const names = { frames: cut.frames, durations: cut.durations, output: cut.output };
      return new PiperVoice(config, names, encoder, decoder);
    } catch (cause) {
      throw new SottoError(
        `The voice's file is damaged or is no Piper voice: ${modelFile}. Check it with "sotto models verify".`,
        { code: 'model-corrupt', stage: 'tts', cause },
      );
    }
  }

  async close(): Promise<void> {
    await this.encoder.release();
    await this.decoder?.release();
  }

  /** Speaks phoneme ids; chunks come as they are asked for, `signal` is checked before each run. */
  async speak(ids: readonly number[], speaker: number, signal: AbortSignal): Promise<Utterance> {
    const { noiseScale, lengthScale, noiseW } = this.config;
    const sid: { readonly [name: string]: Tensor } = {
      sid: new Tensor('int64', BigInt64Array.of(BigInt(speaker)), [1]),
    };
    const feeds: { [name: string]: Tensor } = {
      input: new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]),
      input_lengths: new Tensor('int64', BigInt64Array.of(BigInt(ids.length)), [1]),
      scales: new Tensor('float32', Float32Array.of(noiseScale, lengthScale, noiseW), [3]),
    };
    if (this.encoder.inputNames.includes('sid')) Object.assign(feeds, sid);
    signal.throwIfAborted();
    const made = await this.encoder.run(feeds);
    if (this.cut === undefined || this.decoder === undefined) return wholeUtterance(made, ids.length);
    const frames = made[this.cut.frames];
    const durations = made[this.cut.durations];
    if (frames === undefined || durations === undefined) throw noOutput();
    const decode = this.decodeWith(
      this.decoder,
      this.cut,
      this.decoder.inputNames.includes('sid') ? sid : {},
    );
    const total = frames.dims[2] ?? 0;
    const first = await decode(frames, 0, Math.min(firstChunkFrames + viewFrames, total));
    const hop = first.length / Math.min(firstChunkFrames + viewFrames, total);
    return {
      idSamples: Array.from(durations.data as Float32Array, (count) => count * hop),
      chunks: chunksOf(frames, total, hop, first, decode, signal),
    };
  }

  private decodeWith(
    decoder: Session,
    cut: Pick<CutVoice, 'frames' | 'output'>,
    extra: { readonly [name: string]: Tensor },
  ): Decode {
    return async (frames, from, to) => {
      const made = await decoder.run({ [cut.frames]: sliceFrames(frames, from, to), ...extra });
      const audio = made[cut.output];
      if (audio === undefined) throw noOutput();
      return audio.data as Float32Array;
    };
  }
}

export type Decode = (frames: Tensor, from: number, to: number) => Promise<Float32Array>;

/** Decodes frames [1, channels, total] in growing chunks that join to the whole; `first` is the first decoded. */
export async function* chunksOf(
  frames: Tensor,
  total: number,
  hop: number,
  first: Float32Array,
  decode: Decode,
  signal: AbortSignal,
): AsyncGenerator<Float32Array> {
  let done = Math.min(firstChunkFrames, total);
  yield first.subarray(0, done * hop);
  for (let size = 2 * firstChunkFrames; done < total; size = Math.min(2 * size, maxChunkFrames)) {
    signal.throwIfAborted();
    const from = Math.max(0, done - viewFrames);
    const end = total - done - size < viewFrames ? total : done + size;
    const audio = await decode(frames, from, Math.min(total, end + viewFrames));
    yield audio.subarray((done - from) * hop, (end - from) * hop);
    done = end;
  }
}

/** Frames [from, to) of [1, channels, total] as a tensor of its own. */
export function sliceFrames(frames: Tensor, from: number, to: number): Tensor {
  const [, channels = 0, total = 0] = frames.dims;
  const data = frames.data as Float32Array;
  const out = new Float32Array(channels * (to - from));
  for (let c = 0; c < channels; c++) {
    out.set(data.subarray(c * total + from, c * total + to), c * (to - from));
  }
  return new Tensor('float32', out, [1, channels, to - from]);
}

function wholeUtterance(made: { readonly [name: string]: Tensor }, ids: number): Utterance {
  const [audio] = Object.values(made);
  if (audio === undefined) throw noOutput();
  const pcm = audio.data as Float32Array;
  async function* chunks(): AsyncGenerator<Float32Array> {
    yield pcm;
  }
  return { idSamples: Array.from({ length: ids }, () => pcm.length / ids), chunks: chunks() };
}

function noOutput(): SottoError {
  return new SottoError(
    'The voice gave no audio; its file is damaged. Check it with "sotto models verify".',
    {
      code: 'model-corrupt',
      stage: 'tts',
    },
  );
}
