/** A WAV file as a speaker: it holds what a listener would have heard, and appears only when it is whole. */
import { access, constants, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SottoError } from '../contract/errors.ts';
import { encodeWav } from '../core/audio/wav.ts';
import { openClockedOutput } from './clockedOutput.ts';
import type { AudioOutput } from './ports.ts';

/** @throws when opened or closed: SottoError `not-writable` or `disk-full` */
export function wavOutput(path: string): AudioOutput {
  return {
    name: path,
    async open(rateHz) {
      // A folder that cannot be written to is said before anything was said into it.
      await access(dirname(path), constants.W_OK).catch((error: unknown) => {
        throw fileProblem(error, path);
      });
      return openClockedOutput(rateHz, (heard) => save(path, encodeWav(heard, rateHz)));
    },
  };
}

async function save(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, bytes);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw fileProblem(error, path);
  }
}

function fileProblem(error: unknown, path: string): SottoError {
  const isFull = (error as NodeJS.ErrnoException).code === 'ENOSPC';
  const message = isFull
    ? `The disk is full: ${path} was not written. Free some space and try again.`
    : `${path} cannot be written. Choose a folder that exists and that you may write to.`;
  return new SottoError(message, {
    code: isFull ? 'disk-full' : 'not-writable',
    stage: 'device',
    cause: error,
  });
}
