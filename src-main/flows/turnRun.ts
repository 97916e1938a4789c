/**
 * The three kinds of turn: spoken, typed, read aloud. What differs is where the words come from; playing
 * them, counting what was heard and the marks are the same.
 *
 * The rule: once a question's words are known they are never lost, however the turn ends.
 */

import type { Ledger } from '../core/ledger.ts';
import type { TurnEvent } from '../core/turn/turnState.ts';
import type { AudioOutput, OpenOutput } from '../devices/ports.ts';
import { type Answer, beginAnswer, beginReading } from './answer.ts';
import type { ConversationDeps, ConversationOptions, OnNotice, TurnResult } from './conversation.ts';
import type { History } from './history.ts';
import { Interrupted } from './interrupted.ts';
import { listen } from './listening.ts';
import { type Playback, play } from './playback.ts';

/** All that a turn's stages share. */
export interface TurnContext {
  readonly deps: ConversationDeps;
  readonly options: ConversationOptions;
  readonly history: History;
  readonly ledger: Ledger;
  /** Aborted with `Interrupted` by the user, and at the end of the turn. */
  readonly signal: AbortSignal;
  readonly onNotice: OnNotice;
  readonly step: (event: TurnEvent) => void;
  /** The key is up. */
  readonly released: Promise<void>;
  /** Tells the output that an interruption silences. */
  readonly onOutput: (output: OpenOutput) => void;
  readonly onPlayback: (playback: Playback) => void;
}

export function spokenTurn(context: TurnContext): Promise<TurnResult> {
  const { deps, ledger } = context;
  context.onNotice({ kind: 'state', state: 'listening' });
  return withOutput(context, async (opening) => {
    const begin = (text: string): Answer => beginFor(context, text);
    const { asr, firstSampleAtMs, answer } = await listen(context, begin);
    ledger.mark('asrFinal', deps.nowMs());
    if (asr.lastSpeechMs !== null) ledger.mark('lastSpeech', firstSampleAtMs + asr.lastSpeechMs);
    context.onNotice({ kind: 'heard', text: asr.text });
    if (asr.text === '') {
      answer?.abort(new Interrupted('nothing was said'));
      context.step('finished');
      return outcome(context, '', null, '', false);
    }
    return playAnswer(context, asr.text, answer ?? begin(asr.text), opening);
  });
}

export function typedTurn(context: TurnContext, text: string): Promise<TurnResult> {
  context.ledger.mark('asrFinal', context.deps.nowMs());
  context.onNotice({ kind: 'heard', text });
  return withOutput(context, (opening) => playAnswer(context, text, beginFor(context, text), opening));
}

export function readAloud(context: TurnContext, text: string): Promise<TurnResult> {
  return withOutput(context, (opening) =>
    playAnswer(context, null, beginReading(context.deps, text, context.options), opening),
  );
}

function beginFor(context: TurnContext, text: string): Answer {
  return beginAnswer(context.deps, text, { ...context.options, messages: context.history.withUser(text) });
}

/** Opens the speaker beside the work and closes it after; an interruption is an outcome, not an error. */
async function withOutput(
  context: TurnContext,
  work: (opening: ReturnType<AudioOutput['open']>) => Promise<TurnResult>,
): Promise<TurnResult> {
  const { deps, signal } = context;
  const opening = deps.output.open(deps.voiceRateHz, signal);
  opening.then(context.onOutput, ignore);
  try {
    return await work(opening);
  } catch (error) {
    if (error instanceof Interrupted || signal.reason instanceof Interrupted)
      return outcome(context, '', null, '', true);
    throw error;
  } finally {
    // A file appears on closing, and that it could not be written must be known.
    await (await opening.catch(ignore))?.close();
  }
}

const ignore = (): void => {};

/** Plays an answer; its question is in the history afterwards, and of the reply what was heard. */
async function playAnswer(
  context: TurnContext,
  question: string | null,
  answer: Answer,
  opening: ReturnType<AudioOutput['open']>,
): Promise<TurnResult> {
  const { signal } = context;
  const onAbort = (): void => answer.abort(new Interrupted());
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  let playback: Playback | null = null;
  const heardSoFar = (): string => playback?.heard().heard ?? '';
  const remember = (): void => {
    if (question !== null) context.history.add(question, heardSoFar());
  };
  const stopTelling = answer.onText((text) => context.onNotice({ kind: 'reply', text }));
  let output: OpenOutput | null = null;
  try {
    output = await opening;
    signal.throwIfAborted();
    const playing = output;
    playback = play(answer, playing, signal, (word) => {
      markAudible(context, playing);
      context.onNotice({ kind: 'word', word });
    });
    context.onPlayback(playback);
    await playback.done;
  } catch (error) {
    if (!signal.aborted) {
      answer.abort(new Interrupted('the turn failed'));
      output?.stop();
      remember();
      throw error;
    }
  } finally {
    stopTelling();
    signal.removeEventListener('abort', onAbort);
  }
  const interrupted = signal.aborted;
  if (output !== null) markAudible(context, output);
  remember();
  context.step('finished');
  return outcome(context, question ?? '', answer, heardSoFar(), interrupted);
}

function markAudible(context: TurnContext, output: OpenOutput): void {
  const startedAtMs = output.startedAtMs();
  if (startedAtMs === null) return;
  context.ledger.mark('firstAudible', startedAtMs);
  context.step('firstAudible');
}

function outcome(
  context: TurnContext,
  heard: string,
  answer: Answer | null,
  spoken: string,
  interrupted: boolean,
): TurnResult {
  for (const [name, atMs] of answer?.marks() ?? []) context.ledger.mark(name, atMs);
  return { heard, reply: answer?.reply() ?? '', spoken, interrupted, marks: context.ledger.marks() };
}
