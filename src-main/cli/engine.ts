/**
 * Starts the engine for a command: resolves the models, starts the leaves, loads them side by side.
 *
 * The first load of a chat model compiles it, which takes seconds and shows its progress; every later one
 * takes a fraction of a second.
 */
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import type { ProviderChoice } from '../contract/domain.ts';
import { SottoError } from '../contract/errors.ts';
import type { LeafName, LoadReport } from '../contract/leaf.ts';
import type { ProviderVerdict } from '../contract/probe.ts';
import { DEMONSTRATION_NOTICE } from '../engine/models/recommend.ts';
import { type ModelStore, openStore } from '../engine/models/store.ts';
import { forkSpawner } from '../host/forkSpawner.ts';
import { createLeaves, type Leaves, threadsPerLeaf } from '../host/leaves.ts';
import { chooseProvider, probeProviders } from '../host/providers.ts';
import type { Io } from './io.ts';
import { createProgress } from './progress.ts';

export interface EngineOptions {
  readonly leaves: readonly LeafName[];
  /** Model ids instead of the chosen ones. */
  readonly models?: { readonly asr?: string; readonly chat?: string; readonly tts?: string };
  readonly threads?: number;
  readonly provider?: ProviderChoice;
  readonly contextTokens?: number;
  readonly form?: 'fast' | 'exact';
}

export interface Engine {
  readonly leaves: Leaves;
  readonly reports: Partial<Record<LeafName, LoadReport>>;
  readonly voiceRateHz: number;
  readonly isDemonstration: boolean;
  stop(): void;
}

/** Folder of the bundled leaf entries: beside the command line's own bundle. */
export function leafEntries(): string {
  return process.env.SOTTO_LEAVES ?? join(__dirname, '..', 'leaves');
}

async function idFor(
  store: ModelStore,
  role: 'asr' | 'vad' | 'chat' | 'tts',
  wish: string | undefined,
): Promise<string> {
  const id = wish ?? (await store.chosen(role));
  if (id === null) {
    throw new SottoError(
      `There is no model for ${role} on this machine yet. Fetch the default set with \`sotto models pull --default\`.`,
      {
        code: 'model-missing',
        stage: 'models',
      },
    );
  }
  return id;
}

const pathEnding = (paths: Readonly<Record<string, string>>, ending: string): string => {
  const name = Object.keys(paths).find((file) => file.endsWith(ending));
  if (name === undefined) {
    throw new SottoError(`The model lacks its ${ending} file. Remove it and fetch it again.`, {
      code: 'model-corrupt',
      stage: 'models',
    });
  }
  return paths[name] as string;
};

/** Starts and loads what the command needs; every failure stops what was started. */
export async function startEngine(io: Io, options: EngineOptions): Promise<Engine> {
  const store = openStore();
  const leaves = createLeaves(forkSpawner({ entriesDir: leafEntries() }));
  const threads = options.threads ?? threadsPerLeaf(availableParallelism());
  const provider = await pickProvider(store, options.provider ?? 'auto');
  const reports: Partial<Record<LeafName, LoadReport>> = {};
  let voiceRateHz = 22_050;
  let isDemonstration = false;

  const loadAsr = async (): Promise<void> => {
    const [asrId, vadId] = [
      await idFor(store, 'asr', options.models?.asr),
      await idFor(store, 'vad', undefined),
    ];
    await store.filesOf(asrId);
    const vad = await store.filesOf(vadId);
    reports.asr = await leaves.asr.call(
      'load',
      {
        family: 'moonshine',
        modelDir: store.folder(asrId),
        vadFile: pathEnding(vad.paths, '.onnx'),
        threads,
        provider: 'auto',
      },
      { signal: io.signal },
    ).result;
  };
  const loadChat = async (): Promise<void> => {
    const { manifest, paths } = await store.filesOf(await idFor(store, 'chat', options.models?.chat));
    isDemonstration = manifest.demonstration === true;
    const progress = createProgress(io, `Preparing ${manifest.title} for this machine (once)`, 'percent');
    reports.chat = await leaves.chat
      .call(
        'load',
        {
          modelFile: pathEnding(paths, '.gguf'),
          compiledDir: store.compiledDir,
          threads,
          provider,
          ...(options.form === undefined ? {} : { form: options.form }),
          ...(options.contextTokens === undefined ? {} : { contextTokens: options.contextTokens }),
        },
        { signal: io.signal, onEvent: ({ done }) => progress.update(done, 1) },
      )
      .result.finally(() => progress.finish());
  };
  const loadTts = async (): Promise<void> => {
    const { paths } = await store.filesOf(await idFor(store, 'tts', options.models?.tts));
    const report = await leaves.tts.call(
      'load',
      {
        family: 'piper',
        modelFile: pathEnding(paths, '.onnx'),
        configFile: pathEnding(paths, '.json'),
        compiledDir: store.compiledDir,
        threads,
        provider: 'auto',
      },
      { signal: io.signal },
    ).result;
    reports.tts = report;
    voiceRateHz = report.rateHz;
  };

  try {
    const loads = { asr: loadAsr, chat: loadChat, tts: loadTts };
    const settled = await Promise.allSettled(options.leaves.map((leaf) => loads[leaf]()));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } catch (error) {
    leaves.stop();
    throw error;
  }
  if (isDemonstration && options.leaves.includes('chat')) io.err(`${DEMONSTRATION_NOTICE}\n`);
  return { leaves, reports, voiceRateHz, isDemonstration, stop: () => leaves.stop() };
}

/** What the probes of this machine said; probing takes seconds and is kept until drivers or runtime change. */
export function providerVerdicts(
  store: ModelStore,
  signal?: AbortSignal,
): Promise<readonly ProviderVerdict[]> {
  return probeProviders({
    probeEntry: join(leafEntries(), 'probe.cjs'),
    cacheFile: join(store.root, 'providers.json'),
    cacheKey: `${process.platform}-${process.arch}-${release()}-${process.versions.node}`,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Only `sotto doctor` and an explicit wish pay for probing; a start uses what is known already. */
async function pickProvider(store: ModelStore, wish: ProviderChoice): Promise<ProviderChoice> {
  if (wish === 'cpu') return 'cpu';
  if (wish === 'auto') {
    const known = await knownVerdicts(store);
    return known === null ? 'cpu' : chooseProvider('auto', known).provider;
  }
  return chooseProvider(wish, await providerVerdicts(store)).provider;
}

async function knownVerdicts(store: ModelStore): Promise<readonly ProviderVerdict[] | null> {
  const { stat } = await import('node:fs/promises');
  const isKnown = await stat(join(store.root, 'providers.json')).catch(() => null);
  return isKnown === null ? null : providerVerdicts(store);
}
