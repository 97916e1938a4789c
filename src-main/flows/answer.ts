/**
 * An answer being made: tokens → clauses → audio, ready before anybody may hear it.
 *
 * It is begun on a transcript taken as final on trial; if speech goes on it is dropped without a trace. So
 * nothing here touches a speaker or the history: it only fills a bounded queue that the turn empties once
 * the key is up. The voice is at most two clauses ahead of the ear; more would be waste when interrupted.
 */
import type { ChatMessage, MarkName, SamplingOptions, WordTiming } from '../contract/domain.ts';
import type { ChatEvent, LeafClient } from '../contract/leaf.ts';
import { type AsyncQueue, createAsyncQueue } from '../core/asyncQueue.ts';
import { type Clause, createClauseSplitter } from '../core/text/clauses.ts';

/** Clauses that may wait rendered or in rendering. */
const CLAUSES_AHEAD = 2;
/** Audio chunks of those clauses; a clause is a handful of chunks. */
const CHUNKS_AHEAD = 64;

export interface AnswerChunk {
  readonly pcm: Float32Array;
  /** Words ending in this chunk: characters of the reply, samples from the start of their clause. */
  readonly words: readonly WordTiming[];
  /** A new clause begins with this chunk: sample positions count anew. */
  readonly startsClause: boolean;
}

export interface AnswerDeps {
  readonly chat: LeafClient<'chat'>;
  readonly tts: LeafClient<'tts'>;
  readonly nowMs: () => number;
}

export interface VoiceOptions {
  readonly speaker?: number | string;
  readonly speed?: number;
}

export interface AnswerOptions extends VoiceOptions {
  readonly messages: readonly ChatMessage[];
  readonly sampling?: SamplingOptions;
  readonly maxTokens?: number;
}

export interface Answer {
  readonly transcript: string;
  readonly chunks: AsyncIterable<AnswerChunk>;
  /** Text so far. */
  reply(): string;
  /** Tells the text so far now and whenever it grows, until the returned function is called. */
  onText(listener: (text: string) => void): () => void;
  /** When its marks happened; they count only if the answer is used. */
  marks(): ReadonlyMap<MarkName, number>;
  abort(reason: Error): void;
}

/** Begins to answer. Never throws: failures end the chunks. */
export function beginAnswer(deps: AnswerDeps, transcript: string, options: AnswerOptions): Answer {
  const { messages, sampling, maxTokens } = options;
  return speakStream(deps, transcript, options, async (write, signal) => {
    const input = {
      messages,
      ...(sampling === undefined ? {} : { sampling }),
      ...(maxTokens === undefined ? {} : { maxTokens }),
    };
    const onEvent = (event: ChatEvent): void => {
      if (event.kind === 'text') write(event.text);
    };
    await deps.chat.call('generate', input, { signal, onEvent }).result;
  });
}

/** A text that stands already, read aloud as it is. */
export function beginReading(deps: AnswerDeps, text: string, options: VoiceOptions): Answer {
  return speakStream(deps, '', options, async (write) => write(text));
}

/** Text as it is written → clauses → audio. */
function speakStream(
  deps: AnswerDeps,
  transcript: string,
  options: VoiceOptions,
  produce: (write: (text: string) => void, signal: AbortSignal) => Promise<void>,
): Answer {
  const controller = new AbortController();
  const { signal } = controller;
  const marks = new Map<MarkName, number>();
  const chunks = createAsyncQueue<AnswerChunk>(CHUNKS_AHEAD);
  const clauses = createAsyncQueue<Clause>(Number.POSITIVE_INFINITY);
  const listeners = new Set<(text: string) => void>();
  const splitter = createClauseSplitter();
  let reply = '';
  const mark = (name: MarkName): void => {
    if (!marks.has(name)) marks.set(name, deps.nowMs());
  };
  const fail = (error: unknown): void => {
    clauses.fail(error);
    chunks.fail(error);
    controller.abort(error);
  };
  const offer = (found: readonly Clause[]): void => {
    for (const clause of found) {
      mark('firstClause');
      void clauses.push(clause);
    }
  };
  const write = (text: string): void => {
    if (signal.aborted) return;
    mark('firstToken');
    reply += text;
    for (const listener of listeners) listener(reply);
    offer(splitter.push(text));
  };
  produce(write, signal)
    .then(() => {
      offer(splitter.flush());
      clauses.close();
    })
    .catch(fail);
  renderClauses(deps, options, clauses, chunks, signal, mark).catch(fail);
  return {
    transcript,
    chunks,
    reply: () => reply,
    onText(listener) {
      if (reply !== '') listener(reply);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    marks: () => marks,
    abort: (reason) => fail(reason),
  };
}

/** Renders clause after clause; a clause with nothing to say (a lone emoji, a rule) is passed over. */
async function renderClauses(
  deps: AnswerDeps,
  options: VoiceOptions,
  clauses: AsyncIterable<Clause>,
  chunks: AsyncQueue<AnswerChunk>,
  signal: AbortSignal,
  mark: (name: MarkName) => void,
): Promise<void> {
  const inFlight: Promise<void>[] = [];
  for await (const clause of clauses) {
    if (!/[\p{L}\p{N}]/u.test(clause.text)) continue;
    if (inFlight.length >= CLAUSES_AHEAD) await inFlight.shift();
    signal.throwIfAborted();
    let isFirst = true;
    let delivered: Promise<void> = Promise.resolve();
    const call = deps.tts.call(
      'speak',
      {
        text: clause.text,
        continues: true,
        ...(options.speaker === undefined ? {} : { speaker: options.speaker }),
        ...(options.speed === undefined ? {} : { speed: options.speed }),
      },
      {
        signal,
        onEvent: (event) => {
          mark('firstAudio');
          const words = event.words.map((word) => ({
            ...word,
            start: word.start + clause.start,
            end: word.end + clause.start,
          }));
          delivered = chunks.push({ pcm: event.pcm, words, startsClause: isFirst });
          isFirst = false;
        },
      },
    );
    await call.result;
    // Room in the queue is what lets the next clause begin: the ear sets the pace.
    inFlight.push(delivered);
  }
  await Promise.all(inFlight);
  chunks.close();
}
