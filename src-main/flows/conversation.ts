/**
 * A conversation: spoken turns, typed ones, and the history they leave.
 *
 * One turn, everything overlapped. While the key is held, words are recognised and the conversation so far is
 * put into the model's cache (listening.ts). At a pause the transcript is taken as final on trial: the answer
 * is begun and its first clauses are rendered, silently (answer.ts). Key up opens the gate: if the trial still
 * stands its audio goes out at once, else the final transcript is answered. If speech goes on, the trial's
 * answer is dropped without a trace. A key press or Esc stops the speaker at once, and the history keeps what
 * was heard (playback.ts).
 */
import type { ChatMessage, Marks, SamplingOptions, WordTiming } from '../contract/domain.ts';
import type { LeafClient } from '../contract/leaf.ts';
import { createLedger } from '../core/ledger.ts';
import type { HeardText } from '../core/turn/heard.ts';
import { nextTurnState, type TurnEvent, type TurnState } from '../core/turn/turnState.ts';
import type { AudioInput, AudioOutput, OpenOutput } from '../devices/ports.ts';
import { createHistory } from './history.ts';
import { Interrupted } from './interrupted.ts';
import type { Playback } from './playback.ts';
import { readAloud, spokenTurn, type TurnContext, typedTurn } from './turnRun.ts';

export interface ConversationDeps {
  readonly asr: LeafClient<'asr'>;
  readonly chat: LeafClient<'chat'>;
  readonly tts: LeafClient<'tts'>;
  readonly input: AudioInput;
  readonly output: AudioOutput;
  /** Output rate of the voice. */
  readonly voiceRateHz: number;
  /** Monotonic milliseconds; the same clock as the devices'. */
  readonly nowMs: () => number;
}

export interface ConversationOptions {
  readonly systemPrompt: string;
  readonly sampling?: SamplingOptions;
  readonly maxTokens?: number;
  readonly speaker?: number | string;
  readonly speed?: number;
}

export type TurnNotice =
  | { readonly kind: 'state'; readonly state: TurnState }
  /** The microphone delivers. */
  | { readonly kind: 'opened' }
  | { readonly kind: 'partial'; readonly text: string }
  /** The recogniser believes that the speaker has finished. */
  | { readonly kind: 'paused'; readonly text: string; readonly lastSpeechMs: number }
  | { readonly kind: 'heard'; readonly text: string }
  /** The reply as far as it is written; never of an answer that may yet be dropped. */
  | { readonly kind: 'reply'; readonly text: string }
  | { readonly kind: 'word'; readonly word: WordTiming };

export interface TurnResult {
  /** What the user said; empty when nothing was heard. */
  readonly heard: string;
  /** All that was written. */
  readonly reply: string;
  /** The part of it that left the speaker. */
  readonly spoken: string;
  readonly interrupted: boolean;
  readonly marks: Marks;
}

export interface Turn {
  /** The key is up. */
  release(): void;
  /** Silence now: another key press, Esc. */
  interrupt(): void;
  /** What of the reply has left the speaker by now, and its current word; null before it is played. */
  spoken(): { readonly heard: HeardText; readonly word: WordTiming | null } | null;
  /** Rejects with a coded error when a stage failed; the conversation goes on with the next turn. */
  readonly result: Promise<TurnResult>;
}

export type OnNotice = (notice: TurnNotice) => void;

export interface Conversation {
  readonly history: readonly ChatMessage[];
  /** Key down. One turn at a time: a running one is interrupted first. */
  beginTurn(onNotice?: OnNotice): Turn;
  /** A typed question, answered aloud. */
  ask(text: string, onNotice?: OnNotice): Turn;
  /** Reads a text aloud; it leaves no trace in the history. */
  readAloud(text: string, onNotice?: OnNotice): Turn;
}

/** @param prior what was said before, oldest first, without the system prompt */
export function createConversation(
  deps: ConversationDeps,
  options: ConversationOptions,
  prior: readonly ChatMessage[] = [],
): Conversation {
  const history = createHistory(options.systemPrompt, prior);
  let running: Turn | null = null;
  const start = (onNotice: OnNotice, run: (context: TurnContext) => Promise<TurnResult>): Turn => {
    const previous = running;
    previous?.interrupt();
    const after = previous?.result.then(ignore, ignore) ?? Promise.resolve();
    running = runTurn({ deps, options, history, onNotice }, after, run);
    return running;
  };
  const released = (turn: Turn): Turn => {
    turn.release();
    return turn;
  };
  return {
    get history() {
      return history.messages();
    },
    beginTurn: (onNotice = ignore) => start(onNotice, spokenTurn),
    ask: (text, onNotice = ignore) => released(start(onNotice, (context) => typedTurn(context, text))),
    readAloud: (text, onNotice = ignore) => released(start(onNotice, (context) => readAloud(context, text))),
  };
}

const ignore = (): void => {};

/** Carries a turn's state, marks and interruption; `run` does the work. */
function runTurn(
  given: Pick<TurnContext, 'deps' | 'options' | 'history' | 'onNotice'>,
  after: Promise<void>,
  run: (context: TurnContext) => Promise<TurnResult>,
): Turn {
  const { nowMs } = given.deps;
  const ledger = createLedger(nowMs());
  const controller = new AbortController();
  let state: TurnState = 'listening';
  const step = (event: TurnEvent): void => {
    const next = nextTurnState(state, event);
    if (next !== state) given.onNotice({ kind: 'state', state: next });
    state = next;
  };
  let release: () => void = ignore;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let openOutput: OpenOutput | null = null;
  let playback: Playback | null = null;
  const context: TurnContext = {
    ...given,
    ledger,
    signal: controller.signal,
    step,
    released,
    onOutput: (output) => {
      openOutput = output;
    },
    onPlayback: (started) => {
      playback = started;
    },
  };
  const result = after
    .then(() => run(context))
    .catch((error: unknown) => {
      step('failed');
      throw error;
    })
    .finally(() => controller.abort(new Interrupted()));
  result.catch(ignore);
  return {
    result,
    spoken: () => (playback === null ? null : { heard: playback.heard(), word: playback.word() }),
    release() {
      ledger.mark('keyUp', nowMs());
      step('released');
      release();
    },
    interrupt() {
      // The speaker first: nothing may delay silence.
      openOutput?.stop();
      step('interrupted');
      controller.abort(new Interrupted());
    },
  };
}
