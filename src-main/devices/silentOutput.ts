/** A speaker that makes no sound but keeps time like one. */
import { openClockedOutput } from './clockedOutput.ts';
import type { AudioOutput } from './ports.ts';

export function silentOutput(): AudioOutput {
  return { name: 'none', open: async (rateHz) => openClockedOutput(rateHz, async () => {}) };
}
