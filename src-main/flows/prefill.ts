/**
 * Puts a conversation into the model's cache while the user still speaks.
 *
 * The history goes in at key down; words follow in steps, because each step costs a run that competes with
 * the recogniser for the processor. It ends for good when an answer is begun.
 */
import type { ChatMessage } from '../contract/domain.ts';
import type { LeafClient } from '../contract/leaf.ts';

/** New words that are worth a run: about 20 ms of the small model for each ten tokens on two cores. */
const WORDS_PER_STEP = 6;

export interface Prefiller {
  start(): void;
  /** The words recognised so far. */
  readonly hear: (text: string) => void;
  readonly stop: () => void;
}

export function createPrefiller(
  chat: LeafClient<'chat'>,
  messages: readonly ChatMessage[],
  outer: AbortSignal,
): Prefiller {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer.reason);
  outer.addEventListener('abort', onAbort, { once: true });
  let busy = false;
  let words = 0;
  let latest = '';
  const run = async (openUserText?: string): Promise<void> => {
    if (busy || controller.signal.aborted) return;
    busy = true;
    try {
      // History's last message may be an unanswered question; the open text continues it in the answer's prompt.
      const call = chat.call(
        'prefill',
        { messages, ...(openUserText === undefined ? {} : { openUserText }) },
        { signal: controller.signal },
      );
      await call.result;
    } catch {
      // Prefilling only saves time: the answer itself will report what is wrong.
      controller.abort(new Error('prefill failed'));
    } finally {
      busy = false;
    }
    step();
  };
  const step = (): void => {
    const count = latest === '' ? 0 : latest.trim().split(/\s+/).length;
    if (count - words < WORDS_PER_STEP || messages.at(-1)?.role === 'user') return;
    words = count;
    void run(latest);
  };
  return {
    start: () => {
      if (messages.at(-1)?.role !== 'user') void run();
    },
    hear(text) {
      latest = text;
      if (!busy) step();
    },
    stop() {
      outer.removeEventListener('abort', onAbort);
      controller.abort(new Error('answering'));
    },
  };
}
