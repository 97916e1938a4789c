/** The three leaves of the product, started and stopped together. */

import { createLeafHost, type LeafHost } from './leafHost.ts';
import type { LeafLimits } from './limits.ts';
import type { Spawner } from './spawner.ts';

export interface Leaves {
  readonly asr: LeafHost<'asr'>;
  readonly chat: LeafHost<'chat'>;
  readonly tts: LeafHost<'tts'>;
  stop(): void;
}

export function createLeaves(spawner: Spawner, limits: Partial<LeafLimits> = {}): Leaves {
  const leaves = {
    asr: createLeafHost('asr', spawner, limits),
    chat: createLeafHost('chat', spawner, limits),
    tts: createLeafHost('tts', spawner, limits),
  };
  const stop = (): void => {
    process.removeListener('exit', stop);
    leaves.asr.stop();
    leaves.chat.stop();
    leaves.tts.stop();
  };
  // A leaf in the middle of a run would notice our end only after it.
  process.once('exit', stop);
  return { ...leaves, stop };
}

/**
 * Intra-op threads for every leaf. The stages of one turn mostly take turns themselves (recognition ends
 * where the answer begins), so each gets the physical cores up to four; more gains these small models
 * nothing and steals from the others where they do overlap.
 */
export function threadsPerLeaf(cores: number): number {
  return Math.max(1, Math.min(4, cores));
}
