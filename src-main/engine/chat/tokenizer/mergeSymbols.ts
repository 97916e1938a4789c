/**
 * Merging neighbours, best pair first, as byte-pair encoding and SentencePiece do.
 *
 * A heap over candidate pairs and a linked list of symbols keep it at n log n: a text of 100,000 characters
 * without a space must not take minutes.
 */

interface Pair {
  readonly priority: number;
  readonly left: number;
  readonly right: number;
  readonly text: string;
}

/** Priority of joining two symbols, lower first; undefined when they never join. */
export type PairPriority = (left: string, right: string) => number | undefined;

function before(a: Pair, b: Pair): boolean {
  return a.priority < b.priority || (a.priority === b.priority && a.left < b.left);
}

class PairHeap {
  private readonly items: Pair[] = [];

  push(pair: Pair): void {
    const { items } = this;
    let at = items.push(pair) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(pair, items[parent] as Pair)) break;
      items[at] = items[parent] as Pair;
      at = parent;
    }
    items[at] = pair;
  }

  pop(): Pair | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return top;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as Pair, items[child] as Pair)) child += 1;
      if (!before(items[child] as Pair, last)) break;
      items[at] = items[child] as Pair;
      at = child;
    }
    items[at] = last;
    return top;
  }
}

/** Joins symbols until no pair has a priority; returns what is left, in order. */
export function mergeSymbols(symbols: readonly string[], priority: PairPriority): string[] {
  const text = [...symbols];
  const next = text.map((_, i) => (i + 1 < text.length ? i + 1 : -1));
  const previous = text.map((_, i) => i - 1);
  const heap = new PairHeap();
  const offer = (left: number, right: number): void => {
    if (left < 0 || right < 0) return;
    const a = text[left] as string;
    const b = text[right] as string;
    const found = priority(a, b);
    if (found !== undefined) heap.push({ priority: found, left, right, text: a + b });
  };
  for (let i = 0; i + 1 < text.length; i += 1) offer(i, i + 1);
  for (let pair = heap.pop(); pair !== undefined; pair = heap.pop()) {
    const { left, right } = pair;
    // Stale when either side was merged away or has grown since.
    if (next[left] !== right || `${text[left]}${text[right]}` !== pair.text || text[left] === '') continue;
    text[left] = pair.text;
    text[right] = '';
    const after = next[right] as number;
    next[left] = after;
    next[right] = -2;
    if (after >= 0) previous[after] = left;
    offer(previous[left] as number, left);
    offer(left, after);
  }
  return text.filter((symbol) => symbol !== '');
}
