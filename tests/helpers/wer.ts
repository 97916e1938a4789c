/**
 * Word error rate, with the English spelling differences that are no errors taken out first.
 *
 * The rule: reference and transcript go through the same normaliser (lower case, no punctuation, numbers as
 * words, "Mr." as "mister", British spelling as American, hyphens as spaces), and errors are summed over all
 * words of all recordings, not averaged over files.
 */

export interface WordErrors {
  readonly substitutions: number;
  readonly deletions: number;
  readonly insertions: number;
  /** Words of the reference. */
  readonly words: number;
}

const abbreviations = new Map([
  ['mr', 'mister'],
  ['mrs', 'missus'],
  ['dr', 'doctor'],
  ['st', 'saint'],
  ['ok', 'okay'],
  ['vs', 'versus'],
]);

/** Spellings of one word: [ending or word pattern, replacement]. */
const spellings: readonly (readonly [RegExp, string])[] = [
  [/^(neighb|col|flav|hon|lab|fav|hum|harb|rum|behavi)our/, '$1or'],
  [/^(met|cent|theat|lit|fib)re(s?)$/, '$1er$2'],
  [/^(real|organ|recogn|apolog|critic|emphas)is(e|es|ed|ing)$/, '$1iz$2'],
  [/^gr(e)y(s|er|est)?$/, 'gray$2'],
  [/^travell(er|ed|ing)/, 'travel$1'],
];

const ones =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const tens = 'zero ten twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

/** Words of an English text in the form in which they are compared. */
export function normalizeEnglish(text: string): readonly string[] {
  return text
    .toLowerCase()
    .replace(/(\d),(?=\d{3}\b)/g, '$1')
    .replace(/(\d+)(st|nd|rd|th)\b/g, '$1')
    .replace(/%/g, ' percent ')
    .replace(/&/g, ' and ')
    .replace(/[’']/g, '')
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
    .split(' ')
    .filter((word) => word !== '')
    .flatMap((word) => (/^\d{1,9}$/.test(word) ? numberWords(Number(word)) : [word]))
    .map((word) => spelled(abbreviations.get(word) ?? word));
}

/** 0 … 999,999,999 in words. */
export function numberWords(value: number): readonly string[] {
  if (value < 20) return [ones[value] ?? ''];
  if (value < 100) {
    const rest = value % 10;
    return [tens[Math.floor(value / 10)] ?? '', ...(rest === 0 ? [] : numberWords(rest))];
  }
  const [unit, name] =
    value < 1_000 ? [100, 'hundred'] : value < 1e6 ? [1_000, 'thousand'] : [1e6, 'million'];
  const rest = value % unit;
  return [...numberWords(Math.floor(value / unit)), name, ...(rest === 0 ? [] : numberWords(rest))];
}

function spelled(word: string): string {
  for (const [pattern, replacement] of spellings) {
    if (pattern.test(word)) return word.replace(pattern, replacement);
  }
  return word;
}

/** Fewest word changes that turn the reference into the transcript. */
export function wordErrors(reference: string, transcript: string): WordErrors {
  const wanted = normalizeEnglish(reference);
  const got = normalizeEnglish(transcript);
  let row: { readonly cost: number; readonly s: number; readonly d: number; readonly i: number }[] = got
    .concat([''])
    .map((_, i) => ({ cost: i, s: 0, d: 0, i }));
  for (const [w, word] of wanted.entries()) {
    const next = [{ cost: w + 1, s: 0, d: w + 1, i: 0 }];
    for (const [g, other] of got.entries()) {
      const diagonal = row[g];
      const above = row[g + 1];
      const left = next[g];
      if (diagonal === undefined || above === undefined || left === undefined) break;
      const same = word === other ? 0 : 1;
      const choices = [
        { ...diagonal, cost: diagonal.cost + same, s: diagonal.s + same },
        { ...above, cost: above.cost + 1, d: above.d + 1 },
        { ...left, cost: left.cost + 1, i: left.i + 1 },
      ];
      next.push(choices.reduce((best, choice) => (choice.cost < best.cost ? choice : best)));
    }
    row = next;
  }
  const last = row[got.length] ?? { s: 0, d: 0, i: 0 };
  return { substitutions: last.s, deletions: last.d, insertions: last.i, words: wanted.length };
}

/** Sum over recordings. */
export function addErrors(all: readonly WordErrors[]): WordErrors {
  const sum = (field: keyof WordErrors) => all.reduce((total, errors) => total + errors[field], 0);
  return {
    substitutions: sum('substitutions'),
    deletions: sum('deletions'),
    insertions: sum('insertions'),
    words: sum('words'),
  };
}

/** Word error rate: 0 is perfect, 1 is as many errors as words; it may be more. */
export function wer(errors: WordErrors): number {
  const count = errors.substitutions + errors.deletions + errors.insertions;
  return count / Math.max(1, errors.words);
}
