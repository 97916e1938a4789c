/**
 * Fetches a catalogue model from the first source that has it.
 *
 * Order: a local folder (SOTTO_MODELS_FROM), then the catalogue's sources; Hugging Face is left out at once
 * where it cannot be reached. What is there already and right is not fetched again.
 */
import { mkdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CatalogFile, CatalogModel, ModelSource } from '../../contract/catalog.ts';
import { assertNever, SottoError } from '../../contract/errors.ts';
import { fileError, requireSpace, sha256File } from './files.ts';
import { withLock } from './lock.ts';
import { fetchFromFolder } from './sources/folder.ts';
import { fetchFromHub, hubIsReachable } from './sources/huggingface.ts';
import { fetchFromRegistry } from './sources/registry.ts';
import { type FetchContext, type OnProgress, partName } from './sources/source.ts';
import { fetchFromWeb } from './sources/web.ts';
import { type ModelStore, manifestOf } from './store.ts';

export interface PullOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: OnProgress;
  /** Another process is fetching the same model. */
  readonly onWait?: () => void;
  /** The user has seen and accepted the licence of a model that is not permissive. */
  readonly acceptLicence?: boolean;
  /** A folder to take files from before any network. */
  readonly from?: string;
}

/** A package is larger than the files taken out of it and lies beside them for a moment. */
const SPACE_FACTOR = 2.2;

/** @returns false when the model was there already */
export async function pullModel(
  store: ModelStore,
  model: CatalogModel,
  options: PullOptions,
): Promise<boolean> {
  if ((await store.manifest(model.id)) !== null) return false;
  if (!model.permissive && options.acceptLicence !== true) {
    throw new SottoError(
      `${model.title} is licensed as “${model.licence}”. ${model.licenceNote ?? ''} To fetch it all the same: \`sotto models pull ${model.id} --accept-licence\`.`,
      {
        code: 'licence-not-accepted',
        stage: 'models',
      },
    );
  }
  const folder = store.folder(model.id);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw fileError(error, store.root);
  }
  const waiting = {
    signal: options.signal,
    ...(options.onWait === undefined ? {} : { onWait: options.onWait }),
  };
  return withLock(`${folder}.lock`, () => pullLocked(store, model, folder, options), waiting).catch(
    async (error: unknown) => {
      // An empty folder would look like a model that is there; one that holds a part is gone on from.
      await rmdir(folder).catch(() => {});
      throw fileError(error, store.root);
    },
  );
}

async function pullLocked(
  store: ModelStore,
  model: CatalogModel,
  folder: string,
  options: PullOptions,
): Promise<boolean> {
  if ((await store.manifest(model.id)) !== null) return false;
  const hashes: Record<string, string> = {};
  const lacking: CatalogFile[] = [];
  for (const file of model.files) {
    const there = await wholeFile(join(folder, file.name), file, options.signal);
    if (there === null) lacking.push(file);
    else hashes[file.name] = there;
  }
  if (lacking.length > 0) {
    const needed = lacking.reduce((sum, file) => sum + file.sizeBytes, 0);
    await requireSpace(folder, needed * SPACE_FACTOR);
    const context: FetchContext = {
      model,
      files: lacking,
      folder,
      onProgress: options.onProgress ?? (() => {}),
      signal: options.signal,
    };
    Object.assign(hashes, await fromFirstSource(model, context, options));
  }
  const files = await Promise.all(
    model.files.map(async (file) => ({
      name: file.name,
      sizeBytes: (await stat(join(folder, file.name))).size,
      sha256: hashes[file.name] ?? '',
    })),
  );
  await store.writeManifest(manifestOf(model, files));
  for (const file of model.files) await rm(join(folder, `${partName(file)}.tag`), { force: true });
  return true;
}

/** The hash of a file that is there and right; one of unknown hash is not trusted. */
async function wholeFile(path: string, file: CatalogFile, signal: AbortSignal): Promise<string | null> {
  const size = (await stat(path).catch(() => null))?.size;
  if (file.sha256 === undefined || size !== file.sizeBytes) return null;
  return (await sha256File(path, signal)) === file.sha256 ? file.sha256 : null;
}

async function fromFirstSource(
  model: CatalogModel,
  context: FetchContext,
  options: PullOptions,
): Promise<Record<string, string>> {
  const local = options.from ?? process.env.SOTTO_MODELS_FROM;
  if (local !== undefined) {
    const hashes = await fetchFromFolder(local, context);
    if (hashes !== null) return hashes;
    if (options.from !== undefined) {
      throw new SottoError(
        `The folder ${options.from} does not hold the files of ${model.id}: ${model.files.map((file) => file.name).join(', ')}.`,
        {
          code: 'model-missing',
          stage: 'models',
        },
      );
    }
  }
  let last: unknown = null;
  for (const source of model.sources) {
    context.signal.throwIfAborted();
    try {
      return await fromSource(source, context);
    } catch (error) {
      if (context.signal.aborted) throw context.signal.reason;
      const isFinal = error instanceof SottoError && error.code !== 'network' && error.code !== 'checksum';
      if (isFinal) throw error;
      last = error;
    }
  }
  throw last;
}

async function fromSource(source: ModelSource, context: FetchContext): Promise<Record<string, string>> {
  switch (source.kind) {
    case 'pip':
    case 'npm':
      return fetchFromRegistry(source, context);
    case 'web':
      return fetchFromWeb(source, context);
    case 'huggingface':
      if (await hubIsReachable()) return fetchFromHub(source, context);
      throw new SottoError(
        `${context.model.title} is fetched from Hugging Face, which cannot be reached from here. Bring the files by hand: \`sotto models pull ${context.model.id} --from FOLDER\`, or import another model with \`sotto models import\`.`,
        { code: 'network', stage: 'models', retryable: true },
      );
    default:
      return assertNever(source, 'model source');
  }
}
