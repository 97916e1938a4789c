/**
 * A conversation on a model: what is in the cache already is not computed again.
 *
 * Every prompt is compared with the tokens in the cache; only the part after the longest common beginning
 * is evaluated. So the history costs nothing on the next turn, and a prompt prefilled while the key was
 * held costs only its last words.
 */
import type { ChatMessage } from '../../contract/domain.ts';
import { SottoError } from '../../contract/errors.ts';
import type { ChatEvent, ChatGenerate, ChatResult } from '../../contract/leaf.ts';
import { type Random, sample, seededRandom } from '../../core/sampling.ts';
import { createThinkingFilter } from '../../core/text/hideThinking.ts';
import { createStopFilter } from '../../core/text/stopStrings.ts';
import { createUtf8Stream } from '../../core/text/utf8Stream.ts';
import type { CausalLm } from './causalLm.ts';
import { type ChatTemplate, createChatTemplate } from './chatTemplate.ts';
import { createTokenizer, type TextPiece, type Tokenizer } from './tokenizer/tokenizer.ts';

const DEFAULT_MAX_TOKENS = 512;
/** Room kept for an answer when old turns have to go. */
const ANSWER_RESERVE = 0.25;
/** A word still being spoken may become another token once it is complete: the last tokens are not trusted. */
const UNSETTLED_TOKENS = 2;

export interface ChatSession {
  prefill(
    messages: readonly ChatMessage[],
    openUserText: string | undefined,
    signal: AbortSignal,
  ): Promise<number>;
  generate(request: ChatGenerate, emit: (event: ChatEvent) => void, signal: AbortSignal): Promise<ChatResult>;
}

export function createChatSession(lm: CausalLm, random: Random): ChatSession {
  const tokenizer = createTokenizer(lm.file.gguf);
  const template = createChatTemplate(lm.file.gguf, {
    bos: tokenizer.bosText,
    eos: tokenizer.eosText,
    knowsChatMl: tokenizer.vocabulary.id('<|im_start|>') !== undefined,
  });

  /** Evaluates what the cache lacks; always at least the last token, whose logits are wanted. */
  const evaluatePrompt = async (
    prompt: readonly number[],
    signal: AbortSignal,
  ): Promise<{ logits: Float32Array; reused: number }> => {
    const reused = commonPrefix(lm.cache.tokens, prompt, prompt.length - 1);
    lm.cache.truncate(reused);
    return { logits: await lm.evaluate(prompt.slice(reused), signal), reused };
  };

  return {
    async prefill(messages, openUserText, signal) {
      const prompt = openPrompt(template, tokenizer, messages, openUserText);
      if (prompt.length === 0 || prompt.length >= lm.contextTokens) return lm.cache.length;
      const shared = commonPrefix(lm.cache.tokens, prompt, prompt.length);
      // The cache may hold more than this prompt: that is no reason to throw it away.
      if (shared < prompt.length) {
        lm.cache.truncate(shared);
        await lm.evaluate(prompt.slice(shared), signal);
      }
      return prompt.length;
    },

    async generate(request, emit, signal) {
      const startedMs = performance.now();
      const maxTokens = request.maxTokens ?? DEFAULT_MAX_TOKENS;
      const { prompt, dropped } = fitPrompt(
        template,
        tokenizer,
        request.messages,
        lm.contextTokens,
        maxTokens,
      );
      const { logits, reused } = await evaluatePrompt(prompt, signal);
      emit({
        kind: 'prefilled',
        promptTokens: prompt.length,
        reusedTokens: reused,
        ms: performance.now() - startedMs,
      });
      const decoded = await decode(lm, tokenizer, logits, prompt, request, maxTokens, random, emit, signal);
      return {
        text: decoded.text,
        finish: decoded.finish,
        promptTokens: prompt.length,
        outputTokens: decoded.count,
        timeToFirstTokenMs: decoded.firstMs - startedMs,
        decodeTokensPerSecond:
          decoded.count > 1 ? ((decoded.count - 1) * 1000) / (decoded.lastMs - decoded.firstMs) : 0,
        droppedMessages: dropped,
      };
    },
  };
}

interface Decoded {
  readonly text: string;
  readonly finish: 'stop' | 'length';
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

async function decode(
  lm: CausalLm,
  tokenizer: Tokenizer,
  firstLogits: Float32Array,
  prompt: readonly number[],
  request: ChatGenerate,
  maxTokens: number,
  random: Random,
  emit: (event: ChatEvent) => void,
  signal: AbortSignal,
): Promise<Decoded> {
  const sampling = request.sampling ?? {};
  const draw = sampling.seed === undefined ? random : seededRandom(sampling.seed);
  const utf8 = createUtf8Stream();
  const thinking = createThinkingFilter();
  const stops = createStopFilter(request.stop ?? []);
  const recent = [...prompt];
  let logits = firstLogits;
  let text = '';
  let count = 0;
  let finish: Decoded['finish'] = 'length';
  let firstMs = performance.now();
  const send = (raw: string): boolean => {
    const passed = stops.push(thinking.push(raw));
    // An answer never begins with blank space.
    const out = text === '' ? passed.text.trimStart() : passed.text;
    if (out !== '') {
      text += out;
      emit({ kind: 'text', text: out });
    }
    return passed.stopped;
  };
  while (count < maxTokens && lm.cache.length < lm.contextTokens) {
    signal.throwIfAborted();
    const token = sample(logits, recent, sampling, draw);
    if (count === 0) firstMs = performance.now();
    if (tokenizer.isEnd(token)) {
      finish = 'stop';
      break;
    }
    count += 1;
    recent.push(token);
    if (send(utf8.push(tokenizer.bytes(token)))) {
      finish = 'stop';
      break;
    }
    if (count === maxTokens) break;
    logits = await lm.evaluate([token], signal);
    // The loop must breathe: cancel and ping are only seen between runs.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const rest = thinking.push(utf8.flush()) + thinking.flush();
  const last = stops.push(rest);
  const tail = last.text + (last.stopped ? '' : stops.flush());
  if (tail !== '') {
    text += tail;
    emit({ kind: 'text', text: tail });
  }
  return { text, finish, count, firstMs, lastMs: performance.now() };
}

/** How many tokens two sequences share from the start, at most `limit`. */
function commonPrefix(a: readonly number[], b: readonly number[], limit: number): number {
  const end = Math.min(a.length, b.length, limit);
  let i = 0;
  while (i < end && a[i] === b[i]) i += 1;
  return i;
}

/** The conversation's tokens up to the middle of a user message that is still being spoken. */
function openPrompt(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  openUserText: string | undefined,
): number[] {
  const text = openUserText?.trim() ?? '';
  const rendered = template.render([...messages, { role: 'user', content: text }]);
  let last = -1;
  rendered.forEach((piece, i) => {
    if (!piece.isTemplate) last = i;
  });
  const head: TextPiece[] = rendered.slice(0, last + 1);
  const ids = tokenizer.encode(head);
  return text === '' ? ids : ids.slice(0, Math.max(0, ids.length - UNSETTLED_TOKENS));
}

/**
 * The whole prompt, without the oldest turns where the context is too small. The system prompt and the last
 * message stay.
 */
function fitPrompt(
  template: ChatTemplate,
  tokenizer: Tokenizer,
  messages: readonly ChatMessage[],
  contextTokens: number,
  maxTokens: number,
): { readonly prompt: number[]; readonly dropped: number } {
  const room = contextTokens - Math.min(maxTokens, Math.floor(contextTokens * ANSWER_RESERVE));
  const system = messages[0]?.role === 'system' ? messages.slice(0, 1) : [];
  let rest = messages.slice(system.length);
  let dropped = 0;
  while (true) {
    const prompt = tokenizer.encode(template.render([...system, ...rest]));
    if (prompt.length <= room) return { prompt, dropped };
    if (rest.length <= 1) {
      throw new SottoError(
        `This message is longer than the ${contextTokens} tokens the model keeps. Shorten it, or raise the context size.`,
        {
          code: 'context-overflow',
          stage: 'chat',
        },
      );
    }
    // A turn is a question with its answer: dropping one without the other confuses the model.
    const next = rest.findIndex((message, i) => i > 0 && message.role === 'user');
    const cut = next > 0 ? next : 1;
    dropped += cut;
    rest = rest.slice(cut);
  }
}
