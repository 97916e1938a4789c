/**
 * The machine's speaker through decibri.
 *
 * The library queues what it is given and does not say what has left; whoever hands it a whole sentence
 * cannot stop it in time and does not know what was heard. So blocks of 20 ms are handed over just ahead
 * of the clock, and what has left is what the clock says, less the device's own buffer.
 */
import { SottoError } from '../contract/errors.ts';
import type { Decibri, DecibriSpeaker } from './decibriTypes.ts';
import type { AudioOutput, OpenOutput } from './ports.ts';

const BLOCK_MS = 20;
/** Handed over ahead of time: bridges late timers of a busy machine; a stop drops what lies there. */
const LEAD_MS = 160;
/** From handing over to the ear, with an idle device; the rest of its buffer is unknown to us. */
const DEVICE_DELAY_MS = 20;
/** Longest a device is waited for at the end: sound servers buffer up to about a second. */
const DEVICE_DRAIN_MS = 2500;
/** What a sound server still holds when the device calls itself drained (PulseAudio: 150 ms, measured 2026-11). */
const SERVER_TAIL_MS = 300;
/** A writer is held back beyond this. */
const AHEAD_MS = 2000;

export function decibriOutput(decibri: Decibri, name: string): AudioOutput {
  return {
    name,
    async open(rateHz) {
      try {
        return paced(
          await decibri.Speaker.open({ sampleRate: rateHz, channels: 1, dtype: 'float32' }),
          rateHz,
        );
      } catch (cause) {
        throw new SottoError(
          `The speaker “${name}” cannot be opened. Check that it is connected, or write to a file with --out FILE.wav.`,
          {
            code: 'no-speaker',
            stage: 'device',
            retryable: true,
            cause,
          },
        );
      }
    },
  };
}

function paced(speaker: DecibriSpeaker, rateHz: number): OpenOutput {
  const blockSamples = Math.round((rateHz * BLOCK_MS) / 1000);
  const waiting: Float32Array[] = [];
  let waitingSamples = 0;
  /** Stretches without a gap: samples before each, and when its first one leaves. */
  let stretchStartMs: number | null = null;
  let stretchSamples = 0;
  let samplesBefore = 0;
  let startedAtMs: number | null = null;
  let stopped = false;
  let stoppedPlayed = 0;
  let isPumping = false;
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const waker of wakers) waker();
    wakers.clear();
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      function done(): void {
        clearTimeout(timer);
        wakers.delete(done);
        resolve();
      }
      wakers.add(done);
    });
  const toMs = (samples: number): number => (samples * 1000) / rateHz;
  const endOfStretchMs = (): number => (stretchStartMs === null ? 0 : stretchStartMs + toMs(stretchSamples));
  const playedSamples = (): number => {
    if (stopped) return stoppedPlayed;
    if (stretchStartMs === null) return samplesBefore;
    const left = Math.floor(((performance.now() - stretchStartMs) * rateHz) / 1000);
    return samplesBefore + Math.max(0, Math.min(stretchSamples, left));
  };

  const takeBlock = (): Float32Array => {
    const first = waiting[0] as Float32Array;
    const block = first.subarray(0, blockSamples);
    if (block.length === first.length) waiting.shift();
    else waiting[0] = first.subarray(blockSamples);
    waitingSamples -= block.length;
    return block;
  };

  const pump = async (): Promise<void> => {
    if (isPumping) return;
    isPumping = true;
    while (!stopped && waiting.length > 0) {
      const now = performance.now();
      if (stretchStartMs === null || endOfStretchMs() < now) {
        // The ear caught up: a new stretch begins, its first sample leaving after the device's own buffer.
        samplesBefore += stretchSamples;
        stretchSamples = 0;
        stretchStartMs = now + DEVICE_DELAY_MS;
        startedAtMs ??= stretchStartMs;
      }
      const aheadMs = endOfStretchMs() - now;
      if (aheadMs > LEAD_MS) {
        await pause(aheadMs - LEAD_MS);
        continue;
      }
      const block = takeBlock();
      stretchSamples += block.length;
      wake();
      await speaker.writeAsync(Buffer.from(block.buffer, block.byteOffset, block.byteLength)).catch(() => {});
    }
    isPumping = false;
    wake();
  };

  const stop = (): number => {
    if (!stopped) {
      stoppedPlayed = playedSamples();
      stopped = true;
      speaker.stop();
      waiting.length = 0;
      waitingSamples = 0;
      wake();
    }
    return stoppedPlayed;
  };

  return {
    playedSamples,
    startedAtMs: () => startedAtMs,
    async write(pcm) {
      if (stopped || pcm.length === 0) return;
      waiting.push(pcm);
      waitingSamples += pcm.length;
      void pump();
      while (!stopped && toMs(waitingSamples) > AHEAD_MS) await pause(toMs(waitingSamples) - AHEAD_MS);
    },
    async drained() {
      while (!stopped && (waiting.length > 0 || isPumping || performance.now() < endOfStretchMs())) {
        await pause(Math.max(5, endOfStretchMs() - performance.now()));
      }
      // What the clock calls played may still lie in the device's own buffer; closing now would cut it off.
      if (!stopped) await Promise.race([speaker.drainAsync().catch(() => {}), pause(DEVICE_DRAIN_MS)]);
      if (!stopped) await pause(SERVER_TAIL_MS);
    },
    stop,
    close: async () => {
      stop();
    },
  };
}
