/**
 * The marks of a turn, and what many turns say together.
 *
 * Without one ledger every meter starts its clock elsewhere and the numbers cannot be compared. The rule:
 * the clock starts at the key; a mark is set once; percentiles name how many turns they rest on.
 */
import type { MarkName, Marks } from '../contract/domain.ts';

export interface Ledger {
  /** Sets a mark at a time of the same clock as `startMs`; the first one counts. */
  mark(name: MarkName, atMs: number): void;
  /** Takes marks of dropped speculation back. */
  clear(...names: readonly MarkName[]): void;
  marks(): Marks;
}

/** @param startMs key down, on a monotonic clock */
export function createLedger(startMs: number): Ledger {
  const marks = new Map<MarkName, number>([['keyDown', 0]]);
  return {
    mark(name, atMs) {
      if (!marks.has(name)) marks.set(name, Math.round((atMs - startMs) * 10) / 10);
    },
    clear(...names) {
      for (const name of names) marks.delete(name);
    },
    marks: () => Object.fromEntries(marks) as Marks,
  };
}

/** What was between two marks, or null when one is missing. */
export function span(marks: Marks, from: MarkName, to: MarkName): number | null {
  const a = marks[from];
  const b = marks[to];
  return a === undefined || b === undefined ? null : b - a;
}

/** The value below which the share `p` of all lies (nearest rank); NaN for none. */
export function percentile(values: readonly number[], p: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] as number;
}

/** A 95th percentile has a confidence bound only from 59 values on (0.95^59 < 5 %). */
export const TURNS_FOR_P95 = 59;

const ROWS: readonly (readonly [name: MarkName, title: string])[] = [
  ['keyDown', 'key down'],
  ['firstBlock', 'first microphone block'],
  ['lastSpeech', 'last speech sample'],
  ['asrFinal', 'transcript final'],
  ['firstToken', 'first token'],
  ['firstClause', 'first clause'],
  ['firstAudio', 'first audio made'],
  ['keyUp', 'key up'],
  ['firstAudible', 'first audible sample'],
];

/** Widest bar in characters. */
const BAR = 36;

/** The marks in the order they happened, as text with bars; headline figures below. */
export function renderWaterfall(marks: Marks): string {
  const rows = ROWS.filter(([name]) => marks[name] !== undefined)
    .map(([name, title]) => ({ title, atMs: marks[name] as number }))
    .sort((a, b) => a.atMs - b.atMs);
  const end = Math.max(1, ...rows.map((row) => row.atMs));
  const lines = rows.map(({ title, atMs }) => {
    const cells = Math.round((atMs / end) * BAR);
    return `  ${title.padEnd(24)}${`${'─'.repeat(cells)}●`.padEnd(BAR + 2)}${atMs.toFixed(0).padStart(7)} ms`;
  });
  const headline = (title: string, from: MarkName): void => {
    const ms = span(marks, from, 'firstAudible');
    if (ms !== null) lines.push(`  ${title}: ${ms.toFixed(0)} ms`);
  };
  headline('last speech sample → first audible sample', 'lastSpeech');
  headline('key up → first audible sample', 'keyUp');
  return `${lines.join('\n')}\n`;
}
