/** Drives the recognition leaf in this process, the way the host does in another. */

import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type {
  AsrEvent,
  AsrListen,
  AsrLoad,
  AsrPush,
  AsrResult,
  LeafHandlers,
} from '../../src-main/contract/leaf.ts';
import { joinSamples } from '../../src-main/core/join.ts';
import { createAsrHandlers } from '../../src-main/engine/asr/asrLeaf.ts';

export const audioDir = join(process.cwd(), 'tests', 'audio');

/** Folder of a model as the store lays it out. */
export function modelDir(id: string): string {
  const home = process.env.SOTTO_HOME ?? join(homedir(), '.local', 'share', 'sotto');
  return join(home, 'models', id);
}

export function asrLoad(threads = 2): AsrLoad {
  return {
    family: 'moonshine',
    modelDir: modelDir('moonshine-tiny-en'),
    vadFile: join(modelDir('silero-vad'), 'silero_vad.onnx'),
    threads,
    provider: 'auto',
  };
}

/** A loaded leaf. */
export async function loadAsr(load: AsrLoad = asrLoad()): Promise<LeafHandlers<'asr'>> {
  const handlers = createAsrHandlers();
  async function* noPushes(): AsyncGenerator<never> {
    // Loading takes no pushes.
  }
  await handlers.load(load, {
    signal: new AbortController().signal,
    pushes: noPushes(),
    emit: () => undefined,
  });
  return handlers;
}

export interface TimedEvent {
  readonly event: AsrEvent;
  /** Milliseconds after the first push, on the wall clock. */
  readonly atMs: number;
  /** Samples pushed by then. */
  readonly pushedSamples: number;
}

export interface ListenRun {
  readonly result: AsrResult;
  readonly events: readonly TimedEvent[];
  readonly wallMs: number;
}

export interface ListenOptions extends AsrListen {
  readonly blockSamples?: number;
  /** Push blocks at the speed of speech, as a microphone does. */
  readonly realTime?: boolean;
  readonly signal?: AbortSignal;
}

/** Sends audio (16 kHz mono) through one listen and collects everything that comes back. */
export async function listen(
  handlers: LeafHandlers<'asr'>,
  pcm: Float32Array | AsyncIterable<Float32Array>,
  { blockSamples = 320, realTime = false, signal, ...input }: ListenOptions,
): Promise<ListenRun> {
  const events: TimedEvent[] = [];
  let pushedSamples = 0;
  const startedMs = performance.now();
  async function* pushes(): AsyncGenerator<AsrPush> {
    for await (const block of blocksOf(pcm, blockSamples)) {
      if (signal?.aborted === true) return;
      pushedSamples += block.length;
      const waitMs = pushedSamples / 16 - (performance.now() - startedMs);
      if (realTime && waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      yield { kind: 'audio', pcm: block };
    }
    yield { kind: 'end' };
  }
  const result = await handlers.listen(input, {
    signal: signal ?? new AbortController().signal,
    pushes: pushes(),
    emit: (event) => events.push({ event, atMs: performance.now() - startedMs, pushedSamples }),
  });
  return { result, events, wallMs: performance.now() - startedMs };
}

async function* blocksOf(
  pcm: Float32Array | AsyncIterable<Float32Array>,
  blockSamples: number,
): AsyncGenerator<Float32Array> {
  if (!(pcm instanceof Float32Array)) {
    yield* pcm;
    return;
  }
  for (let at = 0; at < pcm.length; at += blockSamples) yield pcm.slice(at, at + blockSamples);
}

/** A 16-bit mono WAV of tests/audio as samples; the tests of the reader itself do not use this. */
export async function recording(path: string): Promise<Float32Array> {
  const bytes = await readFile(join(audioDir, path));
  const at = bytes.indexOf('data') + 8;
  const samples = new Float32Array((bytes.length - at) >> 1);
  for (let i = 0; i < samples.length; i++) samples[i] = bytes.readInt16LE(at + 2 * i) / 32_768;
  return samples;
}

export async function references(): Promise<ReadonlyMap<string, string>> {
  const parsed: unknown = JSON.parse(await readFile(join(audioDir, 'references.json'), 'utf8'));
  return new Map(Object.entries(parsed as { readonly [path: string]: string }));
}

/** Joins stretches of audio; a number is that many milliseconds of silence with a faint hiss. */
export function splice(...parts: readonly (Float32Array | number)[]): Float32Array {
  const arrays = parts.map((part) => (typeof part === 'number' ? hiss(part) : part));
  return joinSamples(arrays);
}

/** What a quiet room leaves in a recording: about -80 dBFS, the same every time. */
export function hiss(durationMs: number, gain = 1e-4, seed = 1): Float32Array {
  const out = new Float32Array(Math.round(durationMs * 16));
  let state = seed;
  for (let i = 0; i < out.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = (state / 2 ** 31 - 1) * gain;
  }
  return out;
}
