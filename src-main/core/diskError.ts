/** What the file system refused, as an error that says what to do; used wherever Sotto writes a file. */
import { SottoError, type Stage } from '../contract/errors.ts';

const FULL = ['ENOSPC', 'EDQUOT'];
const DENIED = ['EACCES', 'EROFS', 'EPERM', 'ENOTDIR'];
const NO_PLACE = ['ENOENT', 'EISDIR'];

export interface DiskAdvice {
  readonly full: string;
  readonly denied: string;
}

/** For what Sotto keeps in its own folder. */
export const OWN_FOLDER: DiskAdvice = {
  full: 'Free some space and run the same command again: what is there already is kept.',
  denied: 'Set SOTTO_HOME to a folder you own.',
};

/** For a file the user asked for by name. */
export const NAMED_FILE: DiskAdvice = {
  full: 'Free some space and try again.',
  denied: 'Choose a folder that exists and that you may write to.',
};

/** The coded error for a failed write at `where`; anything else passes unchanged. */
export function diskError(error: unknown, where: string, stage: Stage, advice: DiskAdvice): unknown {
  const code = (error as { readonly code?: unknown } | null)?.code;
  if (typeof code !== 'string' || error instanceof SottoError) return error;
  if (FULL.includes(code)) {
    return new SottoError(`The disk is full: ${where} could not be written. ${advice.full}`, {
      code: 'disk-full',
      stage,
      cause: error,
    });
  }
  const isDenied = DENIED.includes(code) || (advice === NAMED_FILE && NO_PLACE.includes(code));
  if (!isDenied) return error;
  return new SottoError(`${where} cannot be written. ${advice.denied}`, {
    code: 'not-writable',
    stage,
    cause: error,
  });
}
