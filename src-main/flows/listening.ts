/**
 * Microphone → recogniser until the key is up, with each pause answered on trial.
 *
 * Without the trial the answer could begin only when the key is up; with it the first clause is ready by
 * then. The rule: a trial's answer is silent, is dropped without a trace when speech goes on, and is used
 * only when the final transcript has the same words.
 */
import type { AsrEvent, AsrResult } from '../contract/leaf.ts';
import type { OpenInput } from '../devices/ports.ts';
import type { Answer } from './answer.ts';
import { Interrupted } from './interrupted.ts';
import { createPrefiller } from './prefill.ts';
import type { TurnContext } from './turnRun.ts';

/** Audio kept after the key is up when nothing was settled yet: the last word is often still on its way. */
const RELEASE_TAIL_MS = 200;

export interface Listened {
  readonly asr: AsrResult;
  /** When the recording's first sample was captured, on the turn's clock. */
  readonly firstSampleAtMs: number;
  /** The answer begun on trial, where its question is the final transcript. */
  readonly answer: Answer | null;
}

/** @param begin starts a silent answer to a transcript */
export async function listen(context: TurnContext, begin: (text: string) => Answer): Promise<Listened> {
  const { deps, signal, ledger } = context;
  const trial = createTrial(begin);
  const prefiller = createPrefiller(deps.chat, context.history.messages(), signal);
  prefiller.start();
  const call = deps.asr.call(
    'listen',
    { mode: 'hold' },
    {
      signal,
      onEvent: (event) => {
        if (!signal.aborted) onAsr(context, trial, prefiller, event);
      },
    },
  );
  call.result.catch(ignore);
  let isPumping = true;
  let firstSampleAtMs = 0;
  let input: OpenInput | null = null;
  try {
    input = await deps.input.open(signal);
    const pump = (async (blocks: OpenInput['blocks']) => {
      let isFirst = true;
      for await (const block of blocks) {
        if (isFirst) {
          ledger.mark('firstBlock', deps.nowMs());
          context.onNotice({ kind: 'opened' });
          firstSampleAtMs = block.capturedAtMs - block.pcm.length / 16;
          isFirst = false;
        }
        if (isPumping) call.push({ kind: 'audio', pcm: block.pcm });
      }
    })(input.blocks);
    await Promise.race([
      context.released,
      call.result.then(ignore),
      // A recording that ends waits for the key like a silence; a device that dies ends the turn.
      pump.then(() => context.released),
    ]);
    // A standing trial means the speaker had finished before the key went up; else the last word may still
    // be on its way.
    if (!trial.stands()) await tail(context, trial, call.result);
    isPumping = false;
    call.push({ kind: 'end' });
    const asr = await call.result;
    return { asr, firstSampleAtMs, answer: trial.takeFor(asr.text) };
  } catch (error) {
    trial.drop('the turn ended');
    throw error;
  } finally {
    isPumping = false;
    prefiller.stop();
    await input?.close();
  }
}

const ignore = (): void => {};

interface Trial {
  begin(text: string): void;
  drop(why: string): void;
  stands(): boolean;
  /** Resolves at the next trial. */
  next(): Promise<void>;
  /** The standing answer if it answers these words; any other is dropped. */
  takeFor(text: string): Answer | null;
}

function createTrial(begin: (text: string) => Answer): Trial {
  let answer: Answer | null = null;
  let waiting: (() => void)[] = [];
  const drop = (why: string): void => {
    answer?.abort(new Interrupted(why));
    answer = null;
  };
  return {
    drop,
    stands: () => answer !== null,
    begin(text) {
      if (text !== '' && answer?.transcript !== text) {
        drop('a newer trial');
        answer = begin(text);
      }
      for (const tell of waiting) tell();
      waiting = [];
    },
    next: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
      }),
    takeFor(text) {
      if (answer !== null && answer.transcript !== text) drop('other words');
      const taken = answer;
      answer = null;
      return taken;
    },
  };
}

async function tail(context: TurnContext, trial: Trial, result: Promise<AsrResult>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, RELEASE_TAIL_MS);
  });
  await Promise.race([waited, result.then(ignore), trial.next()]);
  clearTimeout(timer);
  context.signal.throwIfAborted();
}

function onAsr(
  context: TurnContext,
  trial: Trial,
  prefiller: { hear(text: string): void; stop(): void },
  event: AsrEvent,
): void {
  switch (event.kind) {
    case 'partial':
      context.onNotice({ kind: 'partial', text: event.text });
      prefiller.hear(event.text);
      break;
    case 'trial':
      prefiller.stop();
      context.onNotice({ kind: 'paused', text: event.text, lastSpeechMs: event.lastSpeechMs });
      trial.begin(event.text);
      break;
    case 'resumed':
      trial.drop('speech went on');
      break;
    case 'speechStarted':
    case 'consumed':
    case 'segment':
      break;
  }
}
