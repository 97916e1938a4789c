/**
 * One writer a model, across processes.
 *
 * Two programs that pull the same model would write the same partial file. The rule: who creates the lock
 * file works; the others wait, and find the work done. A lock whose process is gone is taken over.
 */
import { mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 200;
/** A lock without a readable owner this old was left by a crash between creating and writing it. */
const UNREADABLE_STALE_MS = 10_000;

async function ownerIsGone(path: string): Promise<boolean> {
  const text = await readFile(path, 'utf8').catch(() => null);
  if (text === null) return false;
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 0) {
    const info = await stat(path).catch(() => null);
    return info !== null && Date.now() - info.mtimeMs > UNREADABLE_STALE_MS;
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Runs `work` while holding the lock; `onWait` is told once when another process has it. */
export async function withLock<T>(
  path: string,
  work: () => Promise<T>,
  options: { readonly signal?: AbortSignal; readonly onWait?: () => void } = {},
): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  let waited = false;
  while (true) {
    options.signal?.throwIfAborted();
    try {
      const handle = await open(path, 'wx');
      await handle.writeFile(String(process.pid));
      await handle.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await ownerIsGone(path)) {
      await rm(path, { force: true });
      continue;
    }
    if (!waited) options.onWait?.();
    waited = true;
    await sleep(POLL_MS, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}
