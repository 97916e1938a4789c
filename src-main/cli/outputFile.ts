/** Result files appear whole or not at all. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { SottoError } from '../contract/errors.ts';

export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, data);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw outputError(error, path);
  }
}

/** What a user can do about a file that could not be written. */
export function outputError(error: unknown, path: string): unknown {
  switch ((error as NodeJS.ErrnoException | null)?.code) {
    case 'ENOSPC':
      return new SottoError(`The disk is full: ${path} was not written. Free some space and try again.`, {
        code: 'disk-full',
        stage: 'cli',
        cause: error,
      });
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
      return new SottoError(
        `${path} cannot be written. Choose a folder that exists and that you may write to.`,
        { code: 'not-writable', stage: 'cli', cause: error },
      );
    default:
      return error;
  }
}
