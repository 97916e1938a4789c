/**
 * What of a reply was heard: only what was played was said.
 *
 * A history with words nobody heard makes the model refer to them later. Word ends are counted in samples
 * that have left the device; a word that was cut counts as not heard.
 */
import type { WordTiming } from '../../contract/domain.ts';

export interface HeardText {
  /** Beginning of the reply that was heard, to the end of the last whole word. */
  readonly heard: string;
  readonly unheard: string;
}

/**
 * @param words with characters of the whole reply and samples of the whole playback, in order
 * @param playedSamples that have left the device
 */
export function heardText(
  reply: string,
  words: readonly WordTiming[],
  playedSamples: number,
  isComplete: boolean,
): HeardText {
  if (isComplete) return { heard: reply, unheard: '' };
  let end = 0;
  for (const word of words) {
    if (word.endSample > playedSamples) break;
    end = Math.max(end, word.end);
  }
  return { heard: reply.slice(0, end), unheard: reply.slice(end) };
}
