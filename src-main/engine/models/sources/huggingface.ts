/** Files from Hugging Face at a pinned revision, several at once. */
import type { ModelSource } from '../../../contract/catalog.ts';
import { fetchFile } from './download.ts';
import type { FetchContext } from './source.ts';

type HuggingFaceSource = Extract<ModelSource, { kind: 'huggingface' }>;

const DEFAULT_BASE = 'https://huggingface.co';
/** Beyond it a network without the hub is assumed. */
const CONNECT_MS = 6000;

export function hubBase(env: NodeJS.ProcessEnv = process.env): string {
  return (env.SOTTO_HF_BASE ?? DEFAULT_BASE).replace(/\/$/, '');
}

let reachable: Promise<boolean> | null = null;

/** Whether the hub answers at all; asked once a process, for a machine without it should find out once. */
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
  const base = `${hubBase()}/${source.repo}/resolve/${source.revision}`;
  const hashes = await Promise.all(
    context.files.map((file) => {
      const url = `${base}/${source.paths[file.name] ?? file.name}`;
      return fetchFile({ url, server: 'Hugging Face' }, file, context);
    }),
  );
  return Object.fromEntries(context.files.map((file, i) => [file.name, hashes[i] ?? '']));
}
