/**
 * One file over HTTPS: resumed after a cut, checked when it is whole.
 *
 * A cut connection is the normal case with gigabytes; what arrived stays as `.part` and the next try asks
 * for the rest. Beside it stands which version it is a part of, so that two versions are never spliced.
 * Worst case: a server that lies is asked five times, and nothing of what it sent stays.
 */
import { createWriteStream } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CatalogFile } from '../../../contract/catalog.ts';
import { SottoError } from '../../../contract/errors.ts';
import { fileError, publish } from '../files.ts';
import { type FetchContext, partName } from './source.ts';

/** To the first answer. */
const CONNECT_MS = 6000;
/** Without a byte for this long the connection counts as cut. */
const STALL_MS = 20_000;
const TRIES = 5;
/** Before the second try; each later one waits twice as long. */
const FIRST_PAUSE_MS = 250;
/** A file of unknown hash has only about the size the catalogue says. */
const ABOUT = 3;

export interface Remote {
  readonly url: string;
  /** What people know the server as. */
  readonly server: string;
  /** Longest silence; tests shorten it. */
  readonly stallMs?: number;
}

/** Fetches and publishes one file. @returns its SHA-256; throws SottoError `network`, `checksum`, `disk-full` */
export async function fetchFile(remote: Remote, file: CatalogFile, context: FetchContext): Promise<string> {
  const target = join(context.folder, file.name);
  const part = join(context.folder, partName(file));
  let lastError: unknown;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    context.signal.throwIfAborted();
    if (attempt > 0) await sleep(FIRST_PAUSE_MS * 2 ** (attempt - 1), undefined, { signal: context.signal });
    try {
      const sentSha256 = await download(remote, part, file, context);
      return await publish(part, target, file, sentSha256);
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      const known = fileError(error, context.folder);
      if (known instanceof SottoError && !known.retryable) throw known;
      lastError = known;
    }
  }
  if (lastError instanceof SottoError) throw lastError;
  throw new SottoError(
    `${file.name} could not be fetched from ${remote.server}: ${reasonOf(lastError)}. What arrived is kept; run the same command again.`,
    { code: 'network', stage: 'models', retryable: true, cause: lastError },
  );
}

/** `fetch` hides what happened behind "fetch failed". */
function reasonOf(error: unknown): string {
  const cause = (error as { readonly cause?: { readonly code?: string; readonly message?: string } }).cause;
  return cause?.code ?? cause?.message ?? (error as Error).message;
}

/** A file's own SHA-256, where the server sends it (the hub does for large files). */
function sha256Of(response: Response): string | null {
  const tag = tagOf(response);
  return /^[0-9a-f]{64}$/.test(tag) ? tag : null;
}

function tagOf(response: Response): string {
  return (response.headers.get('x-linked-etag') ?? response.headers.get('etag') ?? '').replace(/^W\/|"/g, '');
}

/** Appends to the part file what is lacking; a server that ignores the range starts it anew. */
async function download(
  { url, server, stallMs = STALL_MS }: Remote,
  part: string,
  file: CatalogFile,
  context: FetchContext,
): Promise<string | null> {
  const stall = new AbortController();
  const signal = AbortSignal.any([stall.signal, context.signal]);
  let timer = setTimeout(() => stall.abort(new Error('no answer')), CONNECT_MS);
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stall.abort(new Error('the connection stalled')), stallMs);
  };
  try {
    // The first answer carries the version, before it redirects to where the bytes lie.
    const head = await fetch(url, { method: 'HEAD', redirect: 'manual', signal });
    if (head.status >= 400) throw refused(head.status, server, file);
    const sentSha256 = sha256Of(head);
    const tagFile = `${part}.tag`;
    const tag = sentSha256 ?? file.sha256 ?? (tagOf(head) || 'unknown');
    const oldTag = await readFile(tagFile, 'utf8').catch(() => '');
    if (oldTag !== tag || tag === 'unknown') await rm(part, { force: true });
    await writeFile(tagFile, tag);
    const have = (await stat(part).catch(() => null))?.size ?? 0;
    const response = await fetch(url, { headers: have > 0 ? { Range: `bytes=${have}-` } : {}, signal });
    if (response.status === 416) return sentSha256;
    if (response.status >= 400) throw refused(response.status, server, file);
    if (response.body === null) throw new Error('an empty answer');
    alive();
    const append = response.status === 206;
    let done = append ? have : 0;
    const limit = file.sha256 === undefined ? file.sizeBytes * ABOUT : file.sizeBytes;
    const counted = new Transform({
      transform(chunk: Uint8Array, _encoding, pass) {
        alive();
        done += chunk.length;
        context.onProgress(file, Math.min(done, file.sizeBytes));
        pass(done > limit ? tooLong(server, file) : null, chunk);
      },
    });
    const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream);
    await pipeline(body, counted, createWriteStream(part, { flags: append ? 'a' : 'w' }), { signal });
    if (file.sha256 !== undefined && done < file.sizeBytes) throw new Error('the connection was cut');
    return sentSha256;
  } catch (error) {
    // What is longer than it may be is no beginning of the right file.
    if (error instanceof SottoError && error.code === 'checksum') await rm(part, { force: true });
    throw stall.signal.aborted ? stall.signal.reason : error;
  } finally {
    clearTimeout(timer);
  }
}

function tooLong(server: string, file: CatalogFile): SottoError {
  return new SottoError(`${server} sent more than ${file.name} has. It was thrown away; try again later.`, {
    code: 'checksum',
    stage: 'models',
    retryable: true,
  });
}

function refused(status: number, server: string, file: CatalogFile): SottoError {
  const what =
    status === 404
      ? 'does not have it'
      : status === 401 || status === 403
        ? 'wants a log-in for it'
        : `answered ${status}`;
  return new SottoError(`${file.name} could not be fetched: ${server} ${what}.`, {
    code: 'network',
    stage: 'models',
    retryable: status >= 500 || status === 429,
  });
}
