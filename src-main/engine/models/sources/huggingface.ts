/**
 * Files from Hugging Face at a pinned revision: resumed after a cut, several at once.
 *
 * A cut connection is the normal case with gigabytes; what arrived stays as `.part` and the next try asks
 * for the rest. The hub sends the file's own SHA-256 with it (LFS files); it is checked even where the
 * catalogue has none. A machine that cannot reach the hub finds out within a few seconds, once.
 */
import { createWriteStream } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CatalogFile, ModelSource } from '../../../contract/catalog.ts';
import { SottoError } from '../../../contract/errors.ts';
import { fileError, publish } from '../files.ts';
import { type FetchContext, partName } from './source.ts';

type HuggingFaceSource = Extract<ModelSource, { kind: 'huggingface' }>;

const DEFAULT_BASE = 'https://huggingface.co';
/** To the first answer; beyond it a network without the hub is assumed. */
const CONNECT_MS = 6000;
/** Without a byte for this long the connection counts as cut. */
const STALL_MS = 20_000;
const TRIES = 5;

export function hubBase(env: NodeJS.ProcessEnv = process.env): string {
  return (env.SOTTO_HF_BASE ?? DEFAULT_BASE).replace(/\/$/, '');
}

let reachable: Promise<boolean> | null = null;

/** Whether the hub answers at all; asked once a process. */
export function hubIsReachable(): Promise<boolean> {
  reachable ??= fetch(hubBase(), { method: 'HEAD', signal: AbortSignal.timeout(CONNECT_MS) }).then(
    () => true,
    () => false,
  );
  return reachable;
}

/** Fetches and publishes all lacking files; returns their hashes by name. */
export async function fetchFromHub(
  source: HuggingFaceSource,
  context: FetchContext,
): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  await Promise.all(
    context.files.map(async (file) => {
      hashes[file.name] = await fetchFile(source, file, context);
    }),
  );
  return hashes;
}

async function fetchFile(
  source: HuggingFaceSource,
  file: CatalogFile,
  context: FetchContext,
): Promise<string> {
  const path = source.paths[file.name] ?? file.name;
  const url = `${hubBase()}/${source.repo}/resolve/${source.revision}/${path}`;
  const target = join(context.folder, file.name);
  const part = join(context.folder, partName(file));
  let lastError: unknown;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    context.signal.throwIfAborted();
    try {
      const hubSha256 = await download(url, part, file, context);
      return await publish(part, target, file, hubSha256);
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      const known = fileError(error, context.folder);
      if (known instanceof SottoError && !known.retryable) throw known;
      lastError = known;
    }
  }
  if (lastError instanceof SottoError) throw lastError;
  throw new SottoError(
    `${file.name} could not be fetched from Hugging Face: ${(lastError as Error).message}. What arrived is kept; run the same command again.`,
    {
      code: 'network',
      stage: 'models',
      retryable: true,
      cause: lastError,
    },
  );
}

/** The hub's hash of an LFS file, from the answer's headers. */
function hashOf(response: Response): string | null {
  const tag = (response.headers.get('x-linked-etag') ?? response.headers.get('etag') ?? '').replace(
    /^W\/|"/g,
    '',
  );
  return /^[0-9a-f]{64}$/.test(tag) ? tag : null;
}

/** Appends to the part file what is lacking; a server that ignores the range starts it anew. */
async function download(
  url: string,
  part: string,
  file: CatalogFile,
  context: FetchContext,
): Promise<string | null> {
  const stall = new AbortController();
  let timer = setTimeout(() => stall.abort(new Error('no answer')), CONNECT_MS);
  const signal = AbortSignal.any([stall.signal, context.signal]);
  try {
    // The first answer carries the hub's hash, before it redirects to the storage.
    const head = await fetch(url, { method: 'HEAD', redirect: 'manual', signal });
    if (head.status >= 400) throw refused(head.status, file);
    const hubSha256 = hashOf(head);
    const tagFile = `${part}.tag`;
    const tag = hubSha256 ?? file.sha256 ?? 'unknown';
    const oldTag = await readFile(tagFile, 'utf8').catch(() => '');
    if (oldTag !== tag) await rm(part, { force: true });
    await writeFile(tagFile, tag);
    const have = (await stat(part).catch(() => null))?.size ?? 0;
    const headers: Record<string, string> = have > 0 ? { Range: `bytes=${have}-` } : {};
    const response = await fetch(url, { headers, signal });
    if (response.status === 416) return hubSha256;
    if (response.status >= 400) throw refused(response.status, file);
    if (response.body === null) throw new Error('an empty answer');
    const append = response.status === 206;
    let done = append ? have : 0;
    const body = Readable.fromWeb(response.body as import('node:stream/web').ReadableStream);
    body.on('data', (chunk: Uint8Array) => {
      clearTimeout(timer);
      timer = setTimeout(() => stall.abort(new Error('the connection stalled')), STALL_MS);
      done += chunk.length;
      context.onProgress(file, done);
    });
    await pipeline(body, createWriteStream(part, { flags: append ? 'a' : 'w' }), { signal });
    await rm(tagFile, { force: true });
    return hubSha256;
  } finally {
    clearTimeout(timer);
  }
}

function refused(status: number, file: CatalogFile): SottoError {
  const what =
    status === 404
      ? 'does not have it'
      : status === 401 || status === 403
        ? 'wants a log-in for it'
        : `answered ${status}`;
  return new SottoError(`${file.name} could not be fetched: Hugging Face ${what}.`, {
    code: 'network',
    stage: 'models',
    retryable: status >= 500,
  });
}
