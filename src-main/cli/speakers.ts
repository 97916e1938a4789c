/** Which speaker a command plays on: the machine's, a file, both, or none. */

import { pickOutput } from '../devices/pick.ts';
import type { AudioOutput } from '../devices/ports.ts';
import { silentOutput } from '../devices/silentOutput.ts';
import { teeOutput } from '../devices/teeOutput.ts';
import { wavOutput } from '../devices/wavOutput.ts';
import type { Io } from './io.ts';

/**
 * @param out path of a WAV file to write, if any
 * @param aloud `yes` needs a speaker, `maybe` uses one where there is one, `no` stays silent
 */
export async function openSpeakers(
  io: Io,
  out: string | undefined,
  aloud: 'yes' | 'maybe' | 'no',
): Promise<AudioOutput> {
  const file = out === undefined ? null : wavOutput(out);
  if (aloud === 'no') return file ?? silentOutput();
  try {
    const speaker = await pickOutput();
    return file === null ? speaker : teeOutput(speaker, file);
  } catch (error) {
    if (aloud === 'yes') throw error;
    io.err('There is no speaker here, so nothing is played aloud.\n');
    return file ?? silentOutput();
  }
}
