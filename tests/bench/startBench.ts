/** A second start: from `npm start` until it can listen (all three engines loaded and warm). */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type BenchContext, median } from './context.ts';
import type { BenchRow } from './rows.ts';

const ROUNDS = 3;

/** Milliseconds to the line that `talk` prints when it begins to listen. */
function startOnce(out: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
    const child = spawn(npm, ['start', '--silent', '--', '--out', out], {
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    let seen = '';
    child.stderr.on('data', (data: Buffer) => {
      seen += data.toString();
      if (!seen.includes('Listening')) return;
      resolve(performance.now() - startedMs);
      try {
        process.kill(-(child.pid as number), 'SIGINT');
      } catch {
        child.kill('SIGINT');
      }
    });
    child.on('exit', () => reject(new Error(`npm start ended before it listened:\n${seen.slice(-500)}`)));
    child.on('error', reject);
  });
}

export async function startBench(context: BenchContext): Promise<BenchRow[]> {
  const out = join(context.cacheDir, 'start.wav');
  const times: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const ms = await startOnce(out);
    if (round > 0) times.push(ms);
  }
  await rm(out, { force: true });
  const value = median(times) / 1000;
  return [
    {
      id: 'start.second',
      title: '`npm start`, second time, until it can listen',
      unit: 's',
      ours: value,
      samples: ROUNDS,
      judged: { value, target: { atLeast: 4, aim: 2 }, better: 'low', unit: 's' },
    },
  ];
}
