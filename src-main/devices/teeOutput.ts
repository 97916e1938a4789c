/** Two speakers at once; the first one keeps the time and decides what was heard. */
import type { AudioOutput } from './ports.ts';

export function teeOutput(leading: AudioOutput, following: AudioOutput): AudioOutput {
  return {
    name: `${leading.name} and ${following.name}`,
    async open(rateHz, signal) {
      const first = await leading.open(rateHz, signal);
      const second = await following.open(rateHz, signal).catch(async (error: unknown) => {
        await first.close();
        throw error;
      });
      return {
        playedSamples: first.playedSamples,
        startedAtMs: first.startedAtMs,
        write: async (pcm) => {
          await Promise.all([first.write(pcm), second.write(pcm)]);
        },
        drained: async () => {
          await Promise.all([first.drained(), second.drained()]);
        },
        stop: () => {
          second.stop();
          return first.stop();
        },
        close: async () => {
          await Promise.all([first.close(), second.close()]);
        },
      };
    },
  };
}
