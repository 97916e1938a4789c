/**
 * A process of its own around the real device adapters: ALSA and PulseAudio read their environment once,
 * when they are loaded, so a test's virtual sound card needs a fresh process.
 */

import { toWireError } from '../../src-main/contract/errors.ts';
import { pickInput, pickOutput } from '../../src-main/devices/pick.ts';

type Ask =
  | { readonly kind: 'capture'; readonly forMs: number }
  | {
      readonly kind: 'play';
      readonly pcm: Float32Array;
      readonly rateHz: number;
      readonly stopAfterMs?: number;
    };

const signal = new AbortController().signal;

async function capture(forMs: number): Promise<unknown> {
  const startedMs = performance.now();
  const open = await (await pickInput()).open(signal);
  const parts: Float32Array[] = [];
  let firstBlockMs = 0;
  setTimeout(() => void open.close(), forMs);
  for await (const { pcm } of open.blocks) {
    if (parts.length === 0) {
      firstBlockMs = performance.now() - startedMs;
      process.send?.({ kind: 'listening' });
    }
    parts.push(pcm);
  }
  return { parts, firstBlockMs };
}

async function playback(ask: Extract<Ask, { kind: 'play' }>): Promise<unknown> {
  const output = await (await pickOutput()).open(ask.rateHz, signal);
  await output.write(ask.pcm);
  await output.drained();
  const playedSamples = output.playedSamples();
  await output.close();
  return { playedSamples, started: output.startedAtMs() !== null };
}

process.on('message', (ask: Ask) => {
  const work = ask.kind === 'capture' ? capture(ask.forMs) : playback(ask);
  work.then(
    (output) => process.send?.({ kind: 'done', output }),
    (error: unknown) => process.send?.({ kind: 'failed', error: toWireError(error, 'device') }),
  );
});
process.send?.({ kind: 'ready' });
