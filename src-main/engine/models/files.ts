/** File work of the store: hashes, visible only when whole, errors a user can act on. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, statfs } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { CatalogFile } from '../../contract/catalog.ts';
import { SottoError } from '../../contract/errors.ts';
import { diskError, OWN_FOLDER } from '../../core/diskError.ts';

export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(
    createReadStream(path, { highWaterMark: 1 << 20 }),
    hash,
    signal === undefined ? {} : { signal },
  );
  return hash.digest('hex');
}

/** Turns an error of the file system into one that says what to do; others pass unchanged. */
export function fileError(error: unknown, where: string): unknown {
  return diskError(error, where, 'models', OWN_FOLDER);
}

/** Throws `disk-full` before anything is fetched when it cannot fit. */
export async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const info = await statfs(folder);
  const freeBytes = info.bavail * info.bsize;
  if (freeBytes >= neededBytes) return;
  const mb = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  throw new SottoError(
    `The disk of ${folder} has ${mb(freeBytes)} free and ${mb(neededBytes)} are needed. Free some space, or set SOTTO_HOME to another disk.`,
    {
      code: 'disk-full',
      stage: 'models',
    },
  );
}

/** Checks a fetched file and gives it its name: flushed to the disk first, so that a name means a whole file. */
export async function publish(
  temporary: string,
  target: string,
  file: CatalogFile,
  hubSha256: string | null,
): Promise<string> {
  const actual = await sha256File(temporary);
  const expected = file.sha256 ?? hubSha256;
  if (expected !== null && actual !== expected) {
    await rm(temporary, { force: true });
    throw new SottoError(
      `${file.name} arrived wrong: its SHA-256 is ${actual}, expected ${expected}. It was thrown away; try again, or from another network.`,
      {
        code: 'checksum',
        stage: 'models',
        retryable: true,
      },
    );
  }
  const handle = await open(temporary, 'r+');
  await handle.sync();
  await handle.close();
  await rename(temporary, target);
  return actual;
}
