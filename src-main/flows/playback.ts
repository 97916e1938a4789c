/** Plays an answer and keeps count of what was heard. */
import type { WordTiming } from '../contract/domain.ts';
import { type HeardText, heardText } from '../core/turn/heard.ts';
import type { OpenOutput } from '../devices/ports.ts';
import type { Answer } from './answer.ts';

export interface Playback {
  /** Resolves when all was played; rejects when making the answer failed or the signal was aborted. */
  readonly done: Promise<void>;
  /** What has left the speaker by now. */
  heard(): HeardText;
  /** The word that is leaving the speaker now, or the last one that did. */
  word(): WordTiming | null;
}

/**
 * Writes the answer's chunks to the speaker.
 *
 * The signal is checked once more before every write: what was made for a turn that is over must not be
 * heard, however late it arrives.
 */
export function play(
  answer: Answer,
  output: OpenOutput,
  signal: AbortSignal,
  onWord?: (word: WordTiming) => void,
): Playback {
  const words: WordTiming[] = [];
  let written = 0;
  let clauseStart = 0;
  let isComplete = false;
  const run = async (): Promise<void> => {
    for await (const chunk of answer.chunks) {
      signal.throwIfAborted();
      if (chunk.startsClause) clauseStart = written;
      for (const word of chunk.words) {
        const placed = {
          ...word,
          startSample: word.startSample + clauseStart,
          endSample: word.endSample + clauseStart,
        };
        words.push(placed);
        onWord?.(placed);
      }
      written += chunk.pcm.length;
      await output.write(chunk.pcm);
    }
    signal.throwIfAborted();
    await output.drained();
    signal.throwIfAborted();
    isComplete = true;
  };
  return {
    done: run(),
    heard: () => heardText(answer.reply(), words, output.playedSamples(), isComplete),
    word() {
      const played = output.playedSamples();
      return words.findLast((word) => word.startSample <= played) ?? null;
    },
  };
}
