/**
 * One spoken turn, everything overlapped.
 *
 * While the key is held, words are recognised and the conversation so far is put into the model's cache. At
 * a pause the transcript is taken as final on trial: the answer is begun and its first clauses are
 * rendered, silently. Key up opens the gate: if the trial still stands its audio goes out at once, else the
 * final transcript is answered. If speech goes on, the trial's answer is dropped without a trace. A key
 * press or Esc stops the speaker at once, and the history keeps what was heard.
 */
import type { ChatMessage, Marks, SamplingOptions, WordTiming } from '../contract/domain.ts';
import type { AsrEvent, AsrResult, LeafClient } from '../contract/leaf.ts';
import { createLedger, type Ledger } from '../core/ledger.ts';
import { nextTurnState, type TurnEvent, type TurnState } from '../core/turn/turnState.ts';
import type { AudioInput, AudioOutput, OpenInput, OpenOutput } from '../devices/ports.ts';
import { type Answer, beginAnswer } from './answer.ts';
import { createHistory, type History } from './history.ts';
import { play } from './playback.ts';
import { createPrefiller } from './prefill.ts';

/** Audio kept after the key is up when nothing was settled yet: the last word is often still on its way. */
const RELEASE_TAIL_MS = 200;

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
  | { readonly kind: 'partial'; readonly text: string }
  /** The recogniser believes that the speaker has finished. */
  | { readonly kind: 'paused'; readonly text: string; readonly lastSpeechMs: number }
  | { readonly kind: 'heard'; readonly text: string }
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
  /** Rejects with a coded error when a stage failed; the conversation goes on with the next turn. */
  readonly result: Promise<TurnResult>;
}

export interface Conversation {
  readonly history: readonly ChatMessage[];
  /** Key down. One turn at a time: a running one is interrupted first. */
  beginTurn(onNotice?: (notice: TurnNotice) => void): Turn;
}

export function createConversation(deps: ConversationDeps, options: ConversationOptions): Conversation {
  const history = createHistory(options.systemPrompt);
  let running: { readonly turn: Turn } | null = null;
  return {
    get history() {
      return history.messages();
    },
    beginTurn(onNotice = () => {}) {
      const previous = running?.turn;
      previous?.interrupt();
      const turn = runTurn(deps, options, history, onNotice, previous?.result.then(ignore, ignore));
      running = { turn };
      return turn;
    },
  };
}

const ignore = (): void => {};

/** The reason a turn's work is aborted with when the user interrupts. */
class Interrupted extends Error {}

function runTurn(
  deps: ConversationDeps,
  options: ConversationOptions,
  history: History,
  onNotice: (notice: TurnNotice) => void,
  previous: Promise<void> = Promise.resolve(),
): Turn {
  const ledger = createLedger(deps.nowMs());
  const controller = new AbortController();
  let state: TurnState = 'listening';
  const step = (event: TurnEvent): void => {
    const next = nextTurnState(state, event);
    if (next !== state) onNotice({ kind: 'state', state: next });
    state = next;
  };
  let release: () => void = ignore;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let openOutput: OpenOutput | null = null;
  const turn = new TurnRun(
    deps,
    options,
    history,
    ledger,
    controller.signal,
    onNotice,
    step,
    released,
    (output) => {
      openOutput = output;
    },
  );
  const result = previous
    .then(() => turn.run())
    .catch((error: unknown) => {
      step('failed');
      throw error;
    })
    .finally(() => controller.abort(new Interrupted()));
  result.catch(ignore);
  return {
    result,
    release() {
      ledger.mark('keyUp', deps.nowMs());
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

/** The stages of one turn over shared state; every await is followed by a look at the signal. */
class TurnRun {
  private speculation: { readonly answer: Answer; readonly revision: number } | null = null;
  private clockOfFirstSampleMs = 0;

  constructor(
    private readonly deps: ConversationDeps,
    private readonly options: ConversationOptions,
    private readonly history: History,
    private readonly ledger: Ledger,
    private readonly signal: AbortSignal,
    private readonly onNotice: (notice: TurnNotice) => void,
    private readonly step: (event: TurnEvent) => void,
    private readonly released: Promise<void>,
    private readonly onOutput: (output: OpenOutput) => void,
  ) {}

  async run(): Promise<TurnResult> {
    this.onNotice({ kind: 'state', state: 'listening' });
    const opening = this.deps.output.open(this.deps.voiceRateHz, this.signal);
    opening.then(this.onOutput, ignore);
    try {
      const heard = await this.listen();
      this.ledger.mark('asrFinal', this.deps.nowMs());
      if (heard.lastSpeechMs !== null)
        this.ledger.mark('lastSpeech', this.clockOfFirstSampleMs + heard.lastSpeechMs);
      this.onNotice({ kind: 'heard', text: heard.text });
      if (heard.text === '') {
        this.drop('nothing was said');
        this.step('finished');
        return { heard: '', reply: '', spoken: '', interrupted: false, marks: this.ledger.marks() };
      }
      return await this.answer(heard.text, await opening);
    } catch (error) {
      this.drop('the turn ended');
      if (error instanceof Interrupted || this.signal.reason instanceof Interrupted) {
        return { heard: '', reply: '', spoken: '', interrupted: true, marks: this.ledger.marks() };
      }
      throw error;
    } finally {
      // A file appears on closing, and that it could not be written must be known.
      await (await opening.catch(ignore))?.close();
    }
  }

  /** Microphone → recogniser until the key is up, with trials answered on the side. */
  private async listen(): Promise<AsrResult> {
    const prefiller = createPrefiller(this.deps.chat, this.history.messages(), this.signal);
    prefiller.start();
    const call = this.deps.asr.call(
      'listen',
      { mode: 'hold' },
      { signal: this.signal, onEvent: (event) => this.onAsr(event, prefiller.hear, prefiller.stop) },
    );
    call.result.catch(ignore);
    const input = await this.deps.input.open(this.signal);
    let isPumping = true;
    const pump = this.pump(input, (pcm) => {
      if (isPumping) call.push({ kind: 'audio', pcm });
    });
    try {
      await Promise.race([this.released, call.result.then(ignore), pump.then(() => this.released)]);
      // A standing trial means the speaker had finished before the key went up; else the last word may
      // still be on its way.
      if (this.speculation === null) await this.tail(call.result);
      isPumping = false;
      call.push({ kind: 'end' });
      return await call.result;
    } finally {
      isPumping = false;
      prefiller.stop();
      await input.close();
    }
  }

  private async tail(result: Promise<AsrResult>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const waited = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, RELEASE_TAIL_MS);
    });
    await Promise.race([waited, result.then(ignore), this.trialArrived()]);
    clearTimeout(timer);
    this.signal.throwIfAborted();
  }

  private trialListeners: (() => void)[] = [];
  private trialArrived(): Promise<void> {
    return new Promise((resolve) => {
      this.trialListeners.push(resolve);
    });
  }

  private async pump(input: OpenInput, push: (pcm: Float32Array) => void): Promise<void> {
    let isFirst = true;
    for await (const block of input.blocks) {
      if (isFirst) {
        this.ledger.mark('firstBlock', this.deps.nowMs());
        this.clockOfFirstSampleMs = block.capturedAtMs - block.pcm.length / 16;
        isFirst = false;
      }
      push(block.pcm);
    }
  }

  private onAsr(event: AsrEvent, hear: (text: string) => void, stopPrefill: () => void): void {
    if (this.signal.aborted) return;
    switch (event.kind) {
      case 'partial':
        this.onNotice({ kind: 'partial', text: event.text });
        hear(event.text);
        break;
      case 'trial':
        stopPrefill();
        this.onNotice({ kind: 'paused', text: event.text, lastSpeechMs: event.lastSpeechMs });
        if (event.text !== '') this.speculate(event.text, event.revision);
        for (const tell of this.trialListeners.splice(0)) tell();
        break;
      case 'resumed':
        this.drop('speech went on');
        break;
      case 'speechStarted':
      case 'consumed':
      case 'segment':
        break;
    }
  }

  private speculate(text: string, revision: number): void {
    if (this.speculation?.answer.transcript === text) {
      this.speculation = { answer: this.speculation.answer, revision };
      return;
    }
    this.drop('a newer trial');
    this.speculation = { answer: this.begin(text), revision };
  }

  private drop(why: string): void {
    this.speculation?.answer.abort(new Interrupted(why));
    this.speculation = null;
  }

  private begin(text: string): Answer {
    return beginAnswer(this.deps, text, { ...this.options, messages: this.history.withUser(text) });
  }

  /** Plays the answer to the final transcript: the trial's, where its words are the same. */
  private async answer(text: string, output: OpenOutput): Promise<TurnResult> {
    this.signal.throwIfAborted();
    if (this.speculation !== null && this.speculation.answer.transcript !== text) this.drop('other words');
    const answer = this.speculation?.answer ?? this.begin(text);
    this.speculation = { answer, revision: -1 };
    const onAbort = (): void => answer.abort(new Interrupted());
    this.signal.addEventListener('abort', onAbort, { once: true });
    const playback = play(answer, output, this.signal, (word) => {
      this.markAudible(output);
      this.onNotice({ kind: 'word', word });
    });
    let interrupted = false;
    try {
      await playback.done;
    } catch (error) {
      if (!this.signal.aborted) {
        output.stop();
        this.history.add(text, playback.heard().heard);
        throw error;
      }
      interrupted = true;
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
    const { heard } = playback.heard();
    this.markAudible(output);
    for (const [name, atMs] of answer.marks()) this.ledger.mark(name, atMs);
    this.history.add(text, heard);
    this.speculation = null;
    this.step('finished');
    return { heard: text, reply: answer.reply(), spoken: heard, interrupted, marks: this.ledger.marks() };
  }

  private markAudible(output: OpenOutput): void {
    const startedAtMs = output.startedAtMs();
    if (startedAtMs === null) return;
    this.ledger.mark('firstAudible', startedAtMs);
    this.step('firstAudible');
  }
}
