/**
 * From a clause to the phonemes of its words.
 *
 * Phonemising word by word loses stress and linking; phonemising whole loses the words. The rule: espeak
 * reads each stretch between punctuation whole, the groups are aligned back to words (alignWords.ts), and
 * punctuation is kept as Piper's training kept it. Worst case: a word espeak gives nothing for has no
 * phonemes, and is part of its neighbour's time.
 */
import { alignWords } from './alignWords.ts';
import type { Espeak } from './espeak.ts';

/** A word with its range in the given text and its phonemes (one Unicode character each). */
export interface PhonemeWord {
  readonly from: number;
  readonly to: number;
  readonly phonemes: readonly string[];
}

export interface Phonemizer {
  /** Words in order; the phonemes of all of them, joined, are what is spoken, spaces and marks included. */
  phonemize(text: string): readonly PhonemeWord[];
}

const marks: { readonly [mark: string]: string } = {
  '。': '.',
  '！': '!',
  '？': '?',
  '，': ',',
  '、': ',',
  '；': ';',
  '：': ':',
  '…': '.',
  '؟': '?',
  '،': ',',
  '؛': ';',
  '।': '.',
};
const markPattern = /[.!?,;:。！？，、；：…؟،؛।]+(?=\s|$|["'”’»)])|[。！？，、；：…]+/gu;

export function createPhonemizer(espeak: Espeak): Phonemizer {
  const alone = new Map<string, string>();
  const single = (word: string): string => {
    const known = alone.get(word);
    if (known !== undefined) return known;
    if (alone.size > 2000) alone.clear();
    const phonemes = espeak(word);
    alone.set(word, phonemes);
    return phonemes;
  };
  return {
    phonemize(text) {
      const out: PhonemeWord[] = [];
      let from = 0;
      for (const match of text.matchAll(markPattern)) {
        out.push(...stretch(text, from, match.index, match[0], espeak, single));
        from = match.index + match[0].length;
      }
      out.push(...stretch(text, from, text.length, '', espeak, single));
      return out;
    },
  };
}

function stretch(
  text: string,
  from: number,
  to: number,
  mark: string,
  espeak: Espeak,
  single: (word: string) => string,
): PhonemeWord[] {
  const words = Array.from(text.slice(from, to).matchAll(/\S+/g))
    .filter((match) => /[\p{L}\p{N}\p{S}%]/u.test(match[0]))
    .map((match) => ({ from: from + match.index, to: from + match.index + match[0].length, text: match[0] }));
  if (words.length === 0) return [];
  // A dot inside would end espeak's clause and lose the rest; inside a number it belongs.
  const asked = words.map((word) => word.text.replace(/[.!?:;,]+(?!\d)/g, ' ').replace(/["“”«»()]/g, ''));
  const whole = espeak(asked.join(' '));
  const groups = whole.split(/\s+/).filter((group) => group !== '');
  const ends =
    groups.length === words.length
      ? alignWords(groups, groups)
      : alignWords(
          groups,
          asked.map((word) => single(word.trim())),
        );
  const last = mark === '' ? '' : (marks[Array.from(mark).at(-1) ?? ''] ?? mark.at(-1) ?? '');
  const characters = Array.from(`${groups.join(' ')}${last} `);
  return words.map((word, i) => {
    const start = i === 0 ? 0 : (ends[i - 1] ?? 0);
    const end = i === words.length - 1 ? characters.length : (ends[i] ?? start);
    return { from: word.from, to: word.to, phonemes: characters.slice(start, end) };
  });
}
