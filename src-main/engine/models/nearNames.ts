/** What somebody probably meant: names within a few edits, or that contain what was typed. */

/** Levenshtein distance with one row of memory. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}

const plain = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');

/** At most three names, nearest first. */
export function nearNames(wanted: string, names: readonly string[]): string[] {
  const key = plain(wanted);
  const limit = Math.max(2, Math.floor(key.length / 3));
  return names
    .map((name) => {
      const whole = plain(name);
      if (key.length >= 3 && whole.includes(key)) return { name, distance: 1 };
      // A name is often typed without its ending: `qwen3-06b` for `qwen3-0.6b-q8_0`.
      const head = key.length >= 5 ? editDistance(key, whole.slice(0, key.length)) + 1 : limit + 1;
      return { name, distance: Math.min(head, editDistance(key, whole)) };
    })
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}
