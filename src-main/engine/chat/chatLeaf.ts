/** The chat leaf: one model, one conversation cache, one request at a time. */
import { SottoError } from '../../contract/errors.ts';
import type { ChatEvent, ChatLoad, ChatLoadEvent, LeafHandlers, LoadReport } from '../../contract/leaf.ts';
import { collectGarbage } from '../runtime/collectGarbage.ts';
import { resolveProvider } from '../runtime/providerChoice.ts';
import { type CausalLm, openCausalLm } from './causalLm.ts';
import { type ChatSession, createChatSession } from './chatSession.ts';

const DEFAULT_CONTEXT_TOKENS = 4096;

type Fallback = Extract<ChatEvent, { readonly kind: 'fellBack' }>;

export function createChatHandlers(): LeafHandlers<'chat'> {
  let lm: CausalLm | null = null;
  let session: ChatSession | null = null;
  /** Requests take turns: the cache belongs to one at a time. */
  let turn: Promise<unknown> = Promise.resolve();

  const inTurn = <T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> => {
    const result = turn.then(() => {
      signal.throwIfAborted();
      return work();
    });
    turn = result.catch(() => {});
    return result;
  };
  const loaded = (): ChatSession => {
    if (session === null) {
      throw new SottoError('No chat model is loaded yet.', { code: 'model-missing', stage: 'chat' });
    }
    return session;
  };

  /** That the provider failed, until it was told. */
  let fellBack: Fallback | null = null;
  const takeFallback = (): Fallback | null => {
    const taken = fellBack;
    fellBack = null;
    return taken;
  };

  const load = async (
    input: ChatLoad,
    emit: (event: ChatLoadEvent) => void,
    signal: AbortSignal,
  ): Promise<LoadReport> => {
    const startedMs = performance.now();
    const choice = resolveProvider(input.provider);
    fellBack = null;
    await lm?.dispose();
    lm = null;
    session = null;
    const opened = await openCausalLm({
      modelFile: input.modelFile,
      compiledDir: input.compiledDir,
      form: input.form ?? 'fast',
      threads: input.threads,
      provider: choice.provider,
      onFallback: (reason) => {
        fellBack = { kind: 'fellBack', provider: choice.provider, reason };
      },
      contextTokens: input.contextTokens ?? DEFAULT_CONTEXT_TOKENS,
      onProgress: (done) => emit({ kind: 'compiling', done }),
      signal,
    });
    const loadedMs = performance.now();
    lm = opened;
    session = createChatSession(opened, Math.random);
    // First runs allocate and pack: a long and a short one, so that no user pays for either.
    await opened.evaluate(
      Array.from({ length: 32 }, () => 0),
      signal,
    );
    await opened.evaluate([0], signal);
    opened.cache.truncate(0);
    await collectGarbage();
    const failed = takeFallback();
    return {
      loadMs: loadedMs - startedMs,
      warmMs: performance.now() - loadedMs,
      provider: failed === null ? choice.provider : 'cpu',
      providerReason:
        failed === null ? choice.reason : `${failed.provider} failed when tried: ${failed.reason}`,
      residentBytes: process.memoryUsage.rss(),
    };
  };

  return {
    load: (input, { emit, signal }) => inTurn(signal, () => load(input, emit, signal)),
    prefill: (input, { signal }) =>
      inTurn(signal, async () => ({
        cachedTokens: await loaded().prefill(input.messages, input.openUserText, signal),
      })),
    generate: (input, { emit, signal }) =>
      inTurn(signal, async () => {
        const result = await loaded().generate(input, emit, signal);
        const failed = takeFallback();
        if (failed !== null) emit(failed);
        return result;
      }),
  };
}
