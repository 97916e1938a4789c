/**
 * Starts the engine for a command: resolves the models, starts the leaves, loads them side by side.
 *
 * The first load of a chat model compiles it, which takes seconds and shows its progress; every later one
 * takes a fraction of a second.
 */
import { availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import type { ProviderChoice } from '../contract/domain.ts';
import type { CallOptions, ChatEvent, LeafName, LoadReport } from '../contract/leaf.ts';
import type { ProviderVerdict } from '../contract/probe.ts';
import { planAsr, planChat, planTts } from '../engine/models/loadInputs.ts';
import { DEMONSTRATION_NOTICE } from '../engine/models/recommend.ts';
import { type ModelStore, openStore } from '../engine/models/store.ts';
import { forkSpawner } from '../host/forkSpawner.ts';
import type { LeafHost } from '../host/leafHost.ts';
import { createLeaves, type Leaves, threadsPerLeaf } from '../host/leaves.ts';
import { chooseProvider, probeProviders, refuseProvider } from '../host/providers.ts';
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

/** Changes with what the probe measures: earlier verdicts are void then. */
const PROBE = 'quantised-layer';

/** Folder of the bundled leaf entries: beside the command line's own bundle. */
export function leafEntries(): string {
  return process.env.SOTTO_LEAVES ?? join(__dirname, '..', 'leaves');
}

/** Starts and loads what the command needs; every failure stops what was started. */
export async function startEngine(io: Io, options: EngineOptions): Promise<Engine> {
  const store = openStore();
  const started = createLeaves(forkSpawner({ entriesDir: leafEntries() }));
  const leaves = {
    ...started,
    chat: tellFallback(started.chat, ({ provider: failed, reason }) => {
      io.err(`${failed} failed in the middle of the work; the processor took over. Sotto stays with it.\n`);
      void refuseProvider(failed, reason, verdictCache(store));
    }),
  };
  const threads = options.threads ?? threadsPerLeaf(availableParallelism());
  const provider = await pickProvider(store, options.provider ?? 'auto');
  const reports: Partial<Record<LeafName, LoadReport>> = {};
  let voiceRateHz = 22_050;
  let isDemonstration = false;

  const wishes = (model: string | undefined, where: ProviderChoice = 'auto') => ({
    model: model ?? null,
    threads,
    provider: where,
  });
  const { signal } = io;

  const loadAsr = async (): Promise<void> => {
    const { input } = await planAsr(store, wishes(options.models?.asr));
    reports.asr = await leaves.asr.call('load', input, { signal }).result;
  };
  const loadChat = async (): Promise<void> => {
    const { manifest, input } = await planChat(store, {
      ...wishes(options.models?.chat, provider),
      ...(options.form === undefined ? {} : { form: options.form }),
      ...(options.contextTokens === undefined ? {} : { contextTokens: options.contextTokens }),
    });
    isDemonstration = manifest.demonstration === true;
    const progress = createProgress(io, `Preparing ${manifest.title} for this machine (once)`, 'percent');
    const onEvent = ({ done }: { readonly done: number }): void => progress.update(done, 1);
    reports.chat = await leaves.chat
      .call('load', input, { signal, onEvent })
      .result.finally(() => progress.finish());
  };
  const loadTts = async (): Promise<void> => {
    const { input } = await planTts(store, wishes(options.models?.tts));
    const report = await leaves.tts.call('load', input, { signal }).result;
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

type Fallback = Extract<ChatEvent, { readonly kind: 'fellBack' }>;

/** The same leaf; that its provider failed is told here, for whoever asked for words cannot do anything about it. */
function tellFallback(chat: LeafHost<'chat'>, onFallback: (event: Fallback) => void): LeafHost<'chat'> {
  type Options = CallOptions<{ readonly kind: string }>;
  const call = (method: never, input: never, options: Options = {}): unknown =>
    chat.call(method, input, {
      ...options,
      onEvent: (event: { readonly kind: string }) => {
        if (event.kind === 'fellBack') onFallback(event as Fallback);
        options.onEvent?.(event);
      },
    } as never);
  return { ...chat, call: call as LeafHost<'chat'>['call'] };
}

function verdictCache(store: ModelStore): { readonly cacheFile: string; readonly cacheKey: string } {
  return {
    cacheFile: join(store.root, 'providers.json'),
    cacheKey: `${PROBE}-${process.platform}-${process.arch}-${release()}-${process.versions.node}`,
  };
}

/** What the probes of this machine said; probing takes seconds and is kept until drivers or runtime change. */
export function providerVerdicts(
  store: ModelStore,
  signal?: AbortSignal,
): Promise<readonly ProviderVerdict[]> {
  return probeProviders({
    probeEntry: join(leafEntries(), 'probe.cjs'),
    ...verdictCache(store),
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
