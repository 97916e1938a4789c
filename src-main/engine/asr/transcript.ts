/**
 * The text of one listen as it grows: settled segments, and the open one.
 *
 * Pure bookkeeping, kept apart from timing so that "partials only grow" and "the result is what the segments
 * say" can be tested without a model. The rule: a settled segment never changes.
 */
import type { TranscriptSegment } from '../../contract/domain.ts';
import { GrowingText } from './agreement.ts';

const perMs = 16;

export class Transcript {
  readonly #segments: TranscriptSegment[] = [];
  readonly #growing = new GrowingText();

  get segments(): readonly TranscriptSegment[] {
    return this.#segments;
  }

  /** Text with `open` as the words of the open segment. */
  textWith(open: string): string {
    return [...this.#segments.map(({ text }) => text), open].filter((text) => text !== '').join(' ');
  }

  /** A decode of the open segment; returns the partial text to show, if it grew. */
  partial(open: string): string | undefined {
    return this.#growing.add(open);
  }

  /** Settles the open segment, speech at samples [start, end). Returns it, unless it holds no words. */
  settle(text: string, start: number, end: number): TranscriptSegment | undefined {
    this.#growing.settle(text);
    if (text === '') return undefined;
    const segment = { startMs: Math.round(start / perMs), endMs: Math.round(end / perMs), text };
    this.#segments.push(segment);
    return segment;
  }
}
