/** What a figure needs beside it to mean anything: machine, threads, provider, model hashes. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { pipeline } from 'node:stream/promises';

export interface MachineStamp {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly os: string;
  readonly node: string;
  readonly date: string;
  readonly loadAverage1: number;
}

export function machineStamp(now: Date, loadAverage1: number): MachineStamp {
  const list = cpus();
  return {
    cpu: list[0]?.model.trim() ?? 'unknown',
    cores: list.length,
    memoryBytes: totalmem(),
    os: `${platform()} ${arch()} ${release()}`,
    node: process.version,
    date: now.toISOString().slice(0, 10),
    loadAverage1,
  };
}

/** SHA-256 of a file, hex. */
export async function fileHash(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
