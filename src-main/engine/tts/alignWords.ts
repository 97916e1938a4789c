/**
 * Says which phoneme groups belong to which word.
 *
 * espeak reads a clause as a whole and joins words ("of the" gives one group) or makes several of one
 * ("3.14"); counting spaces would shift every later highlight. The rule: a least-cost alignment over the
 * whole clause, each word's own phonemes as the measure, so one odd word never moves another. Worst case:
 * no alignment exists; phonemes are then shared out by the words' lengths.
 */
/** For each word, the end of its range in the clause's phonemes (code points, spaces counted); monotone. */
export function alignWords(groups: readonly string[], alone: readonly string[]): number[] {
  const ends: number[] = [];
  let total = 0;
  for (const group of groups) {
    total += Array.from(group).length + 1;
    ends.push(total);
  }
  if (groups.length === alone.length) return ends;
  const steps = bestSteps(groups, alone);
  const lengths = alone.map((phonemes) => Array.from(phonemes).length + 1);
  if (steps === undefined) return shareOut(0, total, lengths);
  const out: number[] = [];
  let word = 0;
  let group = 0;
  for (const [words, taken] of steps) {
    const from = group === 0 ? 0 : (ends[group - 1] ?? 0);
    group += taken;
    const to = group === 0 ? 0 : (ends[group - 1] ?? 0);
    out.push(...shareOut(from, to, lengths.slice(word, word + words)));
    word += words;
  }
  return out;
}

function shareOut(from: number, to: number, lengths: readonly number[]): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  let done = 0;
  return lengths.map((length) => {
    done += length;
    return from + Math.round(((to - from) * done) / sum);
  });
}

type Step = readonly [words: number, groups: number];

/** Steps of [words, groups] that cover both sides at the least edit cost. */
function bestSteps(groups: readonly string[], alone: readonly string[]): readonly Step[] | undefined {
  interface Cell {
    readonly cost: number;
    readonly step: Step;
  }
  const table: (Cell | undefined)[][] = Array.from({ length: alone.length + 1 }, () => []);
  const start = table[0];
  if (start !== undefined) start[0] = { cost: 0, step: [0, 0] };
  for (let w = 0; w <= alone.length; w++) {
    for (let g = 0; g <= groups.length; g++) {
      const here = table[w]?.[g];
      if (here === undefined) continue;
      for (const [a, b] of stepsFrom(alone[w] ?? '')) {
        const row = table[w + a];
        if (row === undefined || g + b > groups.length) continue;
        const cost =
          here.cost + editDistance(alone.slice(w, w + a).join(''), groups.slice(g, g + b).join(''));
        const old = row[g + b];
        if (old === undefined || cost < old.cost) row[g + b] = { cost, step: [a, b] };
      }
    }
  }
  const steps: Step[] = [];
  let w = alone.length;
  let g = groups.length;
  while (w > 0) {
    const cell = table[w]?.[g];
    if (cell === undefined) return undefined;
    steps.unshift(cell.step);
    w -= cell.step[0];
    g -= cell.step[1];
  }
  return g === 0 ? steps : undefined;
}

/** A word may be silent, be several groups (numbers), or share one group with up to three neighbours. */
function stepsFrom(phonemes: string): readonly Step[] {
  const expected = phonemes === '' ? 0 : phonemes.split(/\s+/).length;
  const steps: Step[] = [
    [2, 1],
    [3, 1],
    [4, 1],
    [1, 0],
    [1, 1],
    [1, 2],
  ];
  for (let b = Math.max(3, expected - 2); b <= expected + 2; b++) steps.push([1, b]);
  return steps;
}

function editDistance(a: string, b: string): number {
  const x = a.replace(/[\sˈˌ]/g, '');
  const y = b.replace(/[\sˈˌ]/g, '');
  let row = Array.from({ length: y.length + 1 }, (_, j) => j);
  for (let i = 1; i <= x.length; i++) {
    const next = [i];
    for (let j = 1; j <= y.length; j++) {
      const swap = (row[j - 1] ?? 0) + (x[i - 1] === y[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[y.length] ?? 0;
}
