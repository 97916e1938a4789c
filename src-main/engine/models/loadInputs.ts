/**
 * What a leaf's `load` is told, from what the store holds: model ids become absolute file paths.
 *
 * Every shell starts the same three leaves; the rule which file is which stands here once.
 */
import { SottoError } from '../../contract/errors.ts';
import type {
  AsrLoad,
  ChatLoad,
  LeafMethods,
  LeafName,
  RuntimeOptions,
  TtsLoad,
} from '../../contract/leaf.ts';
import type { Manifest, ModelStore } from './store.ts';

export interface LoadPlan<L extends LeafName> {
  readonly manifest: Manifest;
  readonly input: LeafMethods[L]['load']['input'];
}

export interface LoadWishes extends RuntimeOptions {
  /** Model id; the store's choice when null. */
  readonly model: string | null;
}

export interface ChatWishes extends LoadWishes {
  readonly form?: ChatLoad['form'];
  readonly contextTokens?: number;
}

export async function planAsr(store: ModelStore, wishes: LoadWishes): Promise<LoadPlan<'asr'>> {
  const { manifest } = await store.filesOf(await idFor(store, 'asr', wishes.model));
  const vad = await store.filesOf(await idFor(store, 'vad', null));
  const input: AsrLoad = {
    family: 'moonshine',
    modelDir: store.folder(manifest.id),
    vadFile: pathEnding(vad.paths, '.onnx'),
    threads: wishes.threads,
    provider: wishes.provider,
  };
  return { manifest, input };
}

export async function planChat(store: ModelStore, wishes: ChatWishes): Promise<LoadPlan<'chat'>> {
  const { manifest, paths } = await store.filesOf(await idFor(store, 'chat', wishes.model));
  const input: ChatLoad = {
    modelFile: pathEnding(paths, '.gguf'),
    compiledDir: store.compiledDir,
    threads: wishes.threads,
    provider: wishes.provider,
    ...(wishes.form === undefined ? {} : { form: wishes.form }),
    ...(wishes.contextTokens === undefined ? {} : { contextTokens: wishes.contextTokens }),
  };
  return { manifest, input };
}

export async function planTts(store: ModelStore, wishes: LoadWishes): Promise<LoadPlan<'tts'>> {
  const { manifest, paths } = await store.filesOf(await idFor(store, 'tts', wishes.model));
  const input: TtsLoad = {
    family: 'piper',
    modelFile: pathEnding(paths, '.onnx'),
    configFile: pathEnding(paths, '.json'),
    compiledDir: store.compiledDir,
    threads: wishes.threads,
    provider: wishes.provider,
  };
  return { manifest, input };
}

async function idFor(
  store: ModelStore,
  role: 'asr' | 'vad' | 'chat' | 'tts',
  wish: string | null,
): Promise<string> {
  const id = wish ?? (await store.chosen(role));
  if (id !== null) return id;
  throw new SottoError(
    `There is no model for ${role} on this machine yet. Fetch the default set with \`sotto models pull --default\`.`,
    { code: 'model-missing', stage: 'models' },
  );
}

function pathEnding(paths: Readonly<Record<string, string>>, ending: string): string {
  const name = Object.keys(paths).find((file) => file.endsWith(ending));
  if (name !== undefined) return paths[name] as string;
  throw new SottoError(`The model lacks its ${ending} file. Remove it and fetch it again.`, {
    code: 'model-corrupt',
    stage: 'models',
  });
}
