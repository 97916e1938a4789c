/**
 * A recording as a microphone: blocks of 20 ms at the speed of speech, then silence until it is closed.
 *
 * The pace comes from an absolute clock, not from summed-up timers, so that a long recording does not
 * drift; a block is handed out when its last sample would have been captured.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { openAudioFile } from './files/openAudioFile.ts';
import { type AudioInput, type CapturedBlock, INPUT_RATE_HZ } from './ports.ts';

/** 20 ms, the block of a real device. */
const BLOCK_SAMPLES = INPUT_RATE_HZ / 50;

export interface WavInputOptions {
  /** At the speed of speech, else as fast as it is read. */
  readonly realTime: boolean;
}

/** @throws when opened: SottoError `bad-file` for what is no recording */
export function wavInput(path: string, options: WavInputOptions): AudioInput {
  return {
    name: path,
    async open(signal) {
      const file = await openAudioFile(path, signal);
      const closed = new AbortController();
      return {
        blocks: pacedBlocks(
          evenBlocks(file.blocks),
          options.realTime,
          AbortSignal.any([closed.signal, signal]),
        ),
        close: async () => closed.abort(),
      };
    },
  };
}

/** Blocks of exactly 20 ms; the last one is filled up with silence, and silence follows for ever. */
async function* evenBlocks(source: AsyncIterable<Float32Array>): AsyncGenerator<Float32Array> {
  let block = new Float32Array(BLOCK_SAMPLES);
  let filled = 0;
  for await (const pcm of source) {
    for (let at = 0; at < pcm.length; ) {
      const take = Math.min(BLOCK_SAMPLES - filled, pcm.length - at);
      block.set(pcm.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled < BLOCK_SAMPLES) continue;
      yield block;
      block = new Float32Array(BLOCK_SAMPLES);
      filled = 0;
    }
  }
  if (filled > 0) yield block;
  while (true) yield new Float32Array(BLOCK_SAMPLES);
}

async function* pacedBlocks(
  blocks: AsyncIterable<Float32Array>,
  realTime: boolean,
  signal: AbortSignal,
): AsyncGenerator<CapturedBlock> {
  const startMs = performance.now();
  let samples = 0;
  for await (const pcm of blocks) {
    samples += pcm.length;
    const capturedAtMs = startMs + (samples * 1000) / INPUT_RATE_HZ;
    const waitMs = realTime ? capturedAtMs - performance.now() : 0;
    if (signal.aborted) return;
    await sleep(Math.max(0, waitMs), undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    yield { pcm, capturedAtMs: realTime ? capturedAtMs : performance.now() };
  }
}
