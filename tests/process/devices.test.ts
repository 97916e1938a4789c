import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudioFile } from '../../src-main/devices/files/openAudioFile.ts';
import { startVirtualSound, type VirtualSound } from '../helpers/pulse.ts';

let sound: VirtualSound;
let probe: string;
beforeAll(async () => {
  sound = await startVirtualSound();
  // Beside node_modules, so that the bundle finds the native package.
  probe = join(mkdtempSync(join(process.cwd(), 'dist', 'device-probe-')), 'probe.cjs');
  await build({
    entryPoints: ['tests/helpers/deviceProbe.ts'],
    outfile: probe,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
  });
});
afterAll(() => sound.close());

interface Reply {
  readonly kind: 'ready' | 'listening' | 'done' | 'failed';
  readonly output?: Record<string, unknown>;
  readonly error?: { readonly code: string; readonly message: string };
}

/** Runs one request in a fresh process; `onListening` is called at the first microphone block. */
function inProcess(ask: unknown, onListening: () => void = () => {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const child: ChildProcess = fork(probe, [], {
      serialization: 'advanced',
      env: { ...process.env, ...sound.env },
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    child.on('message', (message: Reply) => {
      if (message.kind === 'ready') child.send(ask as object);
      else if (message.kind === 'listening') onListening();
      else {
        resolve(message);
        child.kill();
      }
    });
    child.on('exit', (code, signal) => reject(new Error(`the device process ended: ${code ?? signal}`)));
  });
}

async function recording(): Promise<Float32Array> {
  const parts: number[] = [];
  for await (const block of (await openAudioFile('tests/audio/questions/question_1_af_heart.wav')).blocks)
    parts.push(...block);
  return Float32Array.from(parts);
}

/** The largest normalised correlation of `needle` in `hay`, searched over all delays in steps of a sample. */
function bestMatch(hay: Float32Array, needle: Float32Array): number {
  let best = 0;
  let needleEnergy = 0;
  for (const value of needle) needleEnergy += value * value;
  for (let lag = 0; lag + needle.length <= hay.length; lag += 1) {
    let dot = 0;
    let energy = 1e-9;
    for (let i = 0; i < needle.length; i += 1) {
      const value = hay[lag + i] as number;
      dot += value * (needle[i] as number);
      energy += value * value;
    }
    best = Math.max(best, dot / Math.sqrt(energy * needleEnergy));
  }
  return best;
}

const rms = (pcm: Float32Array): number =>
  Math.sqrt(pcm.reduce((sum, value) => sum + value * value, 0) / Math.max(1, pcm.length));

describe.runIf(process.platform === 'linux')('the real microphone and speaker adapters', () => {
  it('hears what is said into the microphone', async () => {
    const said = await recording();
    const { output } = await inProcess({ kind: 'capture', forMs: 3200 }, () => void sound.speak(said));
    const parts = output?.parts as Float32Array[];
    const heard = Float32Array.from(parts.flatMap((part) => [...part]));
    expect(new Set(parts.map((part) => part.length))).toEqual(new Set([320]));
    // A tenth of a second out of the middle of the question is enough to know it again.
    const middle = said.subarray(12_000, 13_600);
    expect(rms(middle)).toBeGreaterThan(0.005);
    expect(bestMatch(heard, middle)).toBeGreaterThan(0.95);
  });

  it('plays what it is given and counts it', async () => {
    const rateHz = 22_050;
    const tone = Float32Array.from(
      { length: rateHz },
      (_, i) => 0.3 * Math.sin((2 * Math.PI * 440 * i) / rateHz),
    );
    const recorder = sound.record(rateHz);
    const { output } = await inProcess({ kind: 'play', pcm: tone, rateHz });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const played = await recorder.stop();
    expect(output).toMatchObject({ playedSamples: tone.length, started: true });
    const loudSamples = played.filter((value) => Math.abs(value) > 0.02).length;
    // A tone of 0.3 is above 0.02 for 96 % of its samples.
    expect(loudSamples / tone.length).toBeGreaterThan(0.85);
    expect(loudSamples / tone.length).toBeLessThan(1.05);
  });
});
