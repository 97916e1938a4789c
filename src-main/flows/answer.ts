/**
 * An answer being made: tokens → clauses → audio, ready before anybody may hear it.
 *
 * It is begun on a transcript taken as final on trial; if speech goes on it is dropped without a trace. So
 * nothing here touches a speaker or the history: it only fills a bounded queue that the turn empties once
 * the key is up. The voice is at most two clauses ahead of the ear; more would be waste when interrupted.
 */
import type { ChatMessage, MarkName, SamplingOptions, WordTiming } from '../contract/domain.ts';
import type { LeafClient } from '../contract/leaf.ts';
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

export interface AnswerOptions {
  readonly messages: readonly ChatMessage[];
  readonly sampling?: SamplingOptions;
  readonly maxTokens?: number;
  readonly speaker?: number | string;
  readonly speed?: number;
  readonly onText?: (text: string) => void;
}

export interface Answer {
  readonly transcript: string;
  readonly chunks: AsyncIterable<AnswerChunk>;
  /** Text so far. */
  reply(): string;
  /** When its marks happened; they count only if the answer is used. */
  marks(): ReadonlyMap<MarkName, number>;
  abort(reason: Error): void;
}

/** Begins to answer. Never throws: failures end the chunks. */
export function beginAnswer(deps: AnswerDeps, transcript: string, options: AnswerOptions): Answer {
  const controller = new AbortController();
  const { signal } = controller;
  const marks = new Map<MarkName, number>();
  const chunks = createAsyncQueue<AnswerChunk>(CHUNKS_AHEAD);
  const clauses = createAsyncQueue<Clause>(Number.POSITIVE_INFINITY);
  let reply = '';
  const mark = (name: MarkName): void => {
    if (!marks.has(name)) marks.set(name, deps.nowMs());
  };
  const fail = (error: unknown): void => {
    clauses.fail(error);
    chunks.fail(error);
    controller.abort(error);
  };

  const write = async (): Promise<void> => {
    const splitter = createClauseSplitter();
    const offer = (found: readonly Clause[]): void => {
      for (const clause of found) {
        mark('firstClause');
        void clauses.push(clause);
      }
    };
    const call = deps.chat.call(
      'generate',
      {
        messages: options.messages,
        ...(options.sampling === undefined ? {} : { sampling: options.sampling }),
        ...(options.maxTokens === undefined ? {} : { maxTokens: options.maxTokens }),
      },
      {
        signal,
        onEvent: (event) => {
          if (event.kind !== 'text' || signal.aborted) return;
          mark('firstToken');
          reply += event.text;
          options.onText?.(event.text);
          offer(splitter.push(event.text));
        },
      },
    );
    await call.result;
    offer(splitter.flush());
    clauses.close();
  };

  write().catch(fail);
  renderClauses(deps, options, clauses, chunks, signal, mark).catch(fail);
  return {
    transcript,
    chunks,
    reply: () => reply,
    marks: () => marks,
    abort: (reason) => fail(reason),
  };
}

/** Renders clause after clause; a clause with nothing to say (a lone emoji, a rule) is passed over. */
async function renderClauses(
  deps: AnswerDeps,
  options: AnswerOptions,
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
