/** Files from their makers' own server, where no hub and no registry has them. */
import type { ModelSource } from '../../../contract/catalog.ts';
import { fetchFile } from './download.ts';
import type { FetchContext } from './source.ts';

type WebSource = Extract<ModelSource, { kind: 'web' }>;

/** Fetches and publishes all lacking files; returns their hashes by name. */
export async function fetchFromWeb(
  source: WebSource,
  context: FetchContext,
): Promise<Record<string, string>> {
  const server = new URL(source.base).host;
  const hashes = await Promise.all(
    context.files.map((file) =>
      fetchFile({ url: `${source.base}/${source.paths[file.name] ?? file.name}`, server }, file, context),
    ),
  );
  return Object.fromEntries(context.files.map((file, i) => [file.name, hashes[i] ?? '']));
}
