/** Resident memory by process after everything was used. */
import { readFileSync } from 'node:fs';
import type { BenchContext } from './context.ts';
import type { BenchRow } from './rows.ts';

function residentMb(pid: number | undefined): number {
  if (pid === undefined) return Number.NaN;
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1] ?? Number.NaN) / 1000;
}

export async function memoryBench({ leaves }: BenchContext): Promise<BenchRow[]> {
  if (process.platform !== 'linux') return [];
  const parts = (['asr', 'chat', 'tts'] as const).map((leaf) => ({
    leaf,
    mb: residentMb(leaves[leaf].pid()),
  }));
  const sum = parts.reduce((total, { mb }) => total + mb, 0);
  return [
    ...parts.map(({ leaf, mb }) => ({
      id: `memory.${leaf}`,
      title: `memory, ${leaf}`,
      unit: 'MB',
      ours: mb,
    })),
    {
      id: 'memory.all',
      title: 'memory, all three engines',
      unit: 'MB',
      ours: sum,
      judged: { value: sum, target: { atLeast: 1100, aim: 800 }, better: 'low', unit: 'MB' },
    },
  ];
}
