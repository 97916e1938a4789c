/**
 * Text that remembers where each of its characters came from.
 *
 * Without it a highlight drifts at the first number, link or emoji that is rewritten. The rule: every code
 * unit carries the half-open range of the caller's text it stands for, and every rewriting keeps it; ranges
 * never go backwards. Worst case: a replaced match is highlighted as a whole.
 */
import type { TextSpan } from '../../contract/domain.ts';

export interface SpannedText {
  readonly text: string;
  /** Source range of code unit i: [starts[i], ends[i]). */
  readonly starts: readonly number[];
  readonly ends: readonly number[];
}

/** A piece of a replacement: new text standing for the whole match, or a range of the match kept as it is. */
export type Part = string | { readonly from: number; readonly to: number };

export function spanned(text: string): SpannedText {
  const starts = Array.from({ length: text.length }, (_, i) => i);
  return { text, starts, ends: starts.map((start) => start + 1) };
}

/** Source range of the code units [from, to); the range must not be empty. */
export function sourceSpan(source: SpannedText, from: number, to: number): TextSpan {
  return { start: source.starts[from] ?? 0, end: source.ends[to - 1] ?? 0 };
}

/** Replaces every match of a global pattern; what `parts` returns takes the match's place. */
export function rewrite(
  source: SpannedText,
  pattern: RegExp,
  parts: (match: RegExpExecArray) => readonly Part[],
): SpannedText {
  const text: string[] = [];
  const starts: number[] = [];
  const ends: number[] = [];
  const keep = (from: number, to: number): void => {
    text.push(source.text.slice(from, to));
    for (let i = from; i < to; i++) {
      starts.push(source.starts[i] ?? 0);
      ends.push(source.ends[i] ?? 0);
    }
  };
  let done = 0;
  for (const match of source.text.matchAll(pattern)) {
    if (match[0].length === 0) continue;
    const end = match.index + match[0].length;
    keep(done, match.index);
    const span = sourceSpan(source, match.index, end);
    for (const part of parts(match as RegExpExecArray)) {
      if (typeof part !== 'string') {
        keep(match.index + part.from, match.index + part.to);
        continue;
      }
      // New text between kept ranges must not go backwards: it starts where the last character did.
      const start = Math.max(span.start, starts.at(-1) ?? 0);
      text.push(part);
      for (let i = 0; i < part.length; i++) {
        starts.push(start);
        ends.push(Math.max(span.end, start));
      }
    }
    done = end;
  }
  keep(done, source.text.length);
  return { text: text.join(''), starts, ends };
}
