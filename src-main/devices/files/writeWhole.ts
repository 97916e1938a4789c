/**
 * Result files appear whole or not at all.
 *
 * The rule: bytes go into a file beside the wanted one, which takes its name when all is written. What is no
 * plain file (a pipe, a device) cannot be replaced and is written to as it comes.
 */
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { diskError, NAMED_FILE } from '../../core/diskError.ts';

export interface WholeFile {
  append(data: string | Uint8Array): Promise<void>;
  /** Overwrites what lies at `position`; nothing where the target is no plain file. */
  patch(data: Uint8Array, position: number): Promise<void>;
  /** The file appears. */
  finish(): Promise<void>;
  /** Nothing appears. */
  discard(): Promise<void>;
}

/** @throws here and in every step: SottoError `not-writable` or `disk-full`; nothing appears then */
export async function openWhole(path: string): Promise<WholeFile> {
  const refused = (error: unknown): unknown => diskError(error, path, 'device', NAMED_FILE);
  const there = await stat(path).catch(() => null);
  const isReplaced = there === null || there.isFile();
  const target = isReplaced ? `${path}.${process.pid}.part` : path;
  let file: FileHandle;
  try {
    file = await open(target, 'w');
  } catch (error) {
    throw refused(error);
  }
  const discard = async (): Promise<void> => {
    await file.close().catch(() => {});
    if (isReplaced) await rm(target, { force: true }).catch(() => {});
  };
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      await discard();
      throw refused(error);
    }
  };
  return {
    append: (data) => attempt(() => file.appendFile(data)),
    patch: (data, position) =>
      attempt(async () => {
        if (isReplaced) await file.write(data, 0, data.length, position);
      }),
    finish: () =>
      attempt(async () => {
        await file.close();
        if (isReplaced) await rename(target, path);
      }),
    discard,
  };
}

/** @throws SottoError `not-writable` or `disk-full` */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const file = await openWhole(path);
  await file.append(data);
  await file.finish();
}
