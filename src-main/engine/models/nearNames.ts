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

/** At most three names, nearest first. */
export function nearNames(wanted: string, names: readonly string[]): string[] {
  const key = wanted.toLowerCase();
  const limit = Math.max(2, Math.floor(key.length / 3));
  return names
    .map((name) => {
      const lower = name.toLowerCase();
      const distance = key.length >= 3 && lower.includes(key) ? 1 : editDistance(key, lower);
      return { name, distance };
    })
    .filter(({ distance }) => distance <= limit)
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ name }) => name);
}
