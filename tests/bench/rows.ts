/** One measured figure, its peer in the same run, and what the project set out to reach. */

export interface Target {
  /** What must be reached. */
  readonly atLeast: number;
  readonly aim: number;
}

export interface BenchRow {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** Our figure (median unless the title says otherwise). */
  readonly ours: number;
  /** The peer's figure from the same run, alternated with ours. */
  readonly peer?: { readonly name: string; readonly value: number };
  /** Ours against the target: the ratio when there is a peer, else the figure itself. */
  readonly judged?: {
    readonly value: number;
    readonly target: Target;
    /** `low`: smaller is better. */
    readonly better: 'low' | 'high';
    /** What the judged value is, e.g. `× node-llama-cpp`. */
    readonly unit: string;
  };
  readonly samples?: number;
}

export type Verdict = 'aim' | 'reached' | 'missed';

export function verdict(row: BenchRow): Verdict | null {
  if (row.judged === undefined) return null;
  const { value, target, better } = row.judged;
  const meets = (limit: number): boolean => (better === 'low' ? value <= limit : value >= limit);
  if (meets(target.aim)) return 'aim';
  return meets(target.atLeast) ? 'reached' : 'missed';
}

/** Judges ours against a peer as a ratio ours / peer. */
export function ratioRow(
  row: Omit<BenchRow, 'judged' | 'peer'> & {
    readonly peer: { readonly name: string; readonly value: number };
  },
  target: Target,
  better: 'low' | 'high',
): BenchRow {
  const value = row.ours / row.peer.value;
  return { ...row, judged: { value, target, better, unit: `× ${row.peer.name}` } };
}

const number = (value: number): string => {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2);
};

/** The table as Markdown, ready for the README. */
export function renderTable(rows: readonly BenchRow[]): string {
  const lines = ['| | here | peer | judged | at least | aim | |', '|---|---|---|---|---|---|---|'];
  for (const row of rows) {
    const peer = row.peer === undefined ? '' : `${number(row.peer.value)} ${row.unit} (${row.peer.name})`;
    const judged = row.judged;
    const sign = judged?.better === 'low' ? '≤' : '≥';
    const cells = [
      row.title + (row.samples === undefined ? '' : ` (n=${row.samples})`),
      `${number(row.ours)} ${row.unit}`,
      peer,
      judged === undefined ? '' : `${number(judged.value)} ${judged.unit}`,
      judged === undefined ? '' : `${sign} ${number(judged.target.atLeast)}`,
      judged === undefined ? '' : `${sign} ${number(judged.target.aim)}`,
      verdict(row) ?? '',
    ];
    lines.push(`| ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}
