/**
 * A speaker made of a clock: samples leave at the speed of sound, into nothing or into a file.
 *
 * It keeps the promises of a real device, so that what is counted as heard is the same in a terminal, a
 * test and the window: nothing leaves before it is written, what waits when the ear catches up is silence,
 * and `stop` drops what has not left.
 */
import type { OpenOutput } from './ports.ts';

/** A writer is held back beyond this. */
const AHEAD_MS = 2000;

/** @param onClose gets what left the device, once */
export function openClockedOutput(
  rateHz: number,
  onClose: (heard: Float32Array) => Promise<void>,
): OpenOutput {
  const chunks: { readonly pcm: Float32Array; readonly startMs: number }[] = [];
  let startedAtMs: number | null = null;
  let endMs = 0;
  let stoppedAtMs: number | null = null;
  let isClosed = false;
  const sleepers = new Set<() => void>();
  const toMs = (samples: number): number => (samples * 1000) / rateHz;
  const now = (): number => stoppedAtMs ?? performance.now();

  const playedOf = (chunk: { readonly pcm: Float32Array; readonly startMs: number }): number =>
    Math.max(0, Math.min(chunk.pcm.length, Math.floor(((now() - chunk.startMs) * rateHz) / 1000)));
  const playedSamples = (): number => chunks.reduce((sum, chunk) => sum + playedOf(chunk), 0);
  /** Waits, but no longer than until `stop`. */
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        sleepers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      sleepers.add(done);
    });

  return {
    playedSamples,
    startedAtMs: () => startedAtMs,
    async write(pcm) {
      if (stoppedAtMs !== null || isClosed) return;
      const nowMs = performance.now();
      const startMs = Math.max(nowMs, endMs);
      startedAtMs ??= startMs;
      chunks.push({ pcm, startMs });
      endMs = startMs + toMs(pcm.length);
      if (endMs - nowMs > AHEAD_MS) await pause(endMs - nowMs - AHEAD_MS);
    },
    async drained() {
      while (stoppedAtMs === null && performance.now() < endMs) await pause(endMs - performance.now());
    },
    stop() {
      stoppedAtMs ??= performance.now();
      for (const wake of sleepers) wake();
      return playedSamples();
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      stoppedAtMs ??= performance.now();
      for (const wake of sleepers) wake();
      const heard = new Float32Array(playedSamples());
      let at = 0;
      for (const chunk of chunks) {
        const played = playedOf(chunk);
        heard.set(chunk.pcm.subarray(0, played), at);
        at += played;
      }
      await onClose(heard);
    },
  };
}
