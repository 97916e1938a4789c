/** What every section of a benchmark run gets. */
import type { Leaves } from '../../src-main/host/leaves.ts';
import type { BenchRow } from './rows.ts';

export interface BenchContext {
  readonly leaves: Leaves;
  readonly voiceRateHz: number;
  readonly threads: number;
  /** Compare with the peers, alternating with ours in the same run. */
  readonly withPeers: boolean;
  /** Where peers are installed. */
  readonly cacheDir: string;
  readonly modelFiles: {
    readonly asrDir: string;
    readonly chat: string;
    readonly voice: string;
    readonly voiceConfig: string;
  };
  /** Measured turns of the conversation section. */
  readonly turns: number;
  say(line: string): void;
}

export type BenchSection = (context: BenchContext) => Promise<readonly BenchRow[]>;

/** The middle value; of an even count the lower one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
}
