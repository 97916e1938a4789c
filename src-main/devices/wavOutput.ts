/** A WAV file as a speaker: it holds what a listener would have heard, and appears only when it is whole. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeWav } from '../core/audio/wav.ts';
import { diskError, NAMED_FILE } from '../core/diskError.ts';
import { openClockedOutput } from './clockedOutput.ts';
import { writeWhole } from './files/writeWhole.ts';
import type { AudioOutput } from './ports.ts';

/** @throws when opened or closed: SottoError `not-writable` or `disk-full` */
export function wavOutput(path: string): AudioOutput {
  return {
    name: path,
    async open(rateHz) {
      // A folder that cannot be written to is said before anything was said into it.
      await access(dirname(path), constants.W_OK).catch((error: unknown) => {
        throw diskError(error, path, 'device', NAMED_FILE);
      });
      return openClockedOutput(rateHz, (heard) => writeWhole(path, encodeWav(heard, rateHz)));
    },
  };
}
