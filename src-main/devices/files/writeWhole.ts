/** Result files appear whole or not at all. */
import { rename, rm, writeFile } from 'node:fs/promises';
import { diskError, NAMED_FILE } from '../../core/diskError.ts';

/** @throws SottoError `not-writable` or `disk-full` */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const part = `${path}.${process.pid}.part`;
  try {
    await writeFile(part, data);
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true }).catch(() => {});
    throw diskError(error, path, 'device', NAMED_FILE);
  }
}
