/**
 * Cuts streamed text into clauses that can be spoken as soon as they stand.
 *
 * Without it speech waits for the whole reply, or breaks off in "Dr." and "3.14". The rule: the clauses,
 * joined, are exactly the text; the first goes out at the earliest comma or, when that is far, before a joining word, later ones at sentence ends; a
 * mark counts only when what follows it is known. Worst case: text without any mark is cut at a space,
 * and without a space after `maxChars` characters, so memory and latency stay bounded.
 */
export interface Clause {
  readonly text: string;
  /** Half-open range of UTF-16 code units in the whole text pushed so far. */
  readonly start: number;
  readonly end: number;
}

export interface ClauseSplitter {
  push(text: string): Clause[];
  /** Hands out what is left; the splitter may be used on, offsets go on counting. */
  flush(): Clause[];
}

/** A first clause shorter than this ("Well,") would be spoken as if it stood alone. */
const firstMinChars = 10;
/** About 12 s of speech: a longer stretch is cut at a space. */
const maxChars = 200;
const noSpaceMaxChars = 240;
/** A first clause this long without a comma ends before the next joining word: about two seconds of speech. */
const phraseMinChars = 32;
/** Words that begin a phrase in English; elsewhere a long first clause waits for its mark. */
const joiner =
  /^\s(?:and|or|but|that|which|who|because|when|where|while|if|as|than|so|in|on|at|for|with|from|by|into|about)\s/i;
/** The longest of them with its spaces. */
const joinerChars = 9;

const abbreviation =
  /(?:^|[\s("'])(?:\p{L}|dr|mr|mrs|ms|prof|st|jr|sr|vs|etc|no|fig|approx|inc|ltd|co|e\.g|i\.e|z\.b|d\.h|u\.a|o\.ä|bzw|ca|nr|str|usw|hr|fr|(?:\p{L}\.)+\p{L})$/iu;
const closers = /["'”’»)\]}*_`]/;

export interface ClauseOptions {
  /** A long first clause ends before a joining word, so that it is heard sooner. Default true. */
  readonly earlyPhrase?: boolean;
}

/** A splitter for one reply. */
export function createClauseSplitter({ earlyPhrase = true }: ClauseOptions = {}): ClauseSplitter {
  let rest = '';
  let offset = 0;
  let first = true;

  const take = (length: number): Clause => {
    const clause = { text: rest.slice(0, length), start: offset, end: offset + length };
    offset += length;
    rest = rest.slice(length);
    if (/[\p{L}\p{N}]/u.test(clause.text)) first = false;
    return clause;
  };

  return {
    push(text) {
      rest += text;
      const out: Clause[] = [];
      for (let cut = findCut(rest, first, earlyPhrase); cut > 0; cut = findCut(rest, first, earlyPhrase))
        out.push(take(cut));
      return out;
    },
    flush() {
      const out: Clause[] = [];
      // What follows the last mark is now known: nothing.
      for (let cut = findCut(rest, first, earlyPhrase); cut > 0; cut = findCut(rest, first, earlyPhrase))
        out.push(take(cut));
      if (rest.length > 0) out.push(take(rest.length));
      return out;
    },
  };
}

/** Length of the first clause of `text` if it stands already, else 0. Looks at no more than the bound. */
function findCut(text: string, first: boolean, earlyPhrase: boolean): number {
  const bound = Math.min(text.length, noSpaceMaxChars);
  for (let i = 0; i < bound; i++) {
    if (first && earlyPhrase && i >= phraseMinChars && joiner.test(text.slice(i, i + joinerChars)))
      return i + 1;
    const kind = markAt(text, i);
    if (kind === 'none') continue;
    const end = afterMark(text, i + 1);
    if (end < 0) return text.length > noSpaceMaxChars ? boundedCut(text) : 0;
    if (kind === 'sentence' || (first && i + 1 >= firstMinChars)) {
      if (/[\p{L}\p{N}]/u.test(text.slice(0, end))) return end;
    }
  }
  return text.length > noSpaceMaxChars ? boundedCut(text) : 0;
}

/** What kind of break the character at `i` is. */
function markAt(text: string, i: number): 'none' | 'clause' | 'sentence' {
  const char = text.charAt(i);
  if (/[。！？]/.test(char)) return 'sentence';
  if (/[，、；：]/.test(char)) return 'clause';
  if (char === '\n')
    return text.charAt(i + 1) === '\n' || /\n$/.test(text.slice(0, i)) ? 'sentence' : 'clause';
  if (!/[.!?…,;:؟؛،।]/.test(char)) return 'none';
  // A mark ends something only before a space or a closing quote; the end of the stream so far says nothing.
  const next = text.charAt(i + 1);
  if (next !== '' && !/\s/.test(next) && !closers.test(next)) return 'none';
  if (/[,;:؛،]/.test(char)) return 'clause';
  if (char === '.' && abbreviation.test(text.slice(Math.max(0, i - 12), i))) return 'none';
  if (char === '.' && /(?:^|\n)\s*\d{1,3}$/.test(text.slice(Math.max(0, i - 8), i))) return 'none';
  return 'sentence';
}

/** End of the marks, closing quotes and spaces after a break; -1 when the text ends before it is known. */
function afterMark(text: string, from: number): number {
  let end = from;
  while (end < text.length && /[.!?…,;:。！？]/.test(text.charAt(end))) end++;
  while (end < text.length && closers.test(text.charAt(end))) end++;
  if (end >= text.length && !/[。！？，、；：\n]/.test(text.charAt(from - 1))) return -1;
  while (end < text.length && /\s/.test(text.charAt(end))) end++;
  return end;
}

/** A cut of text that has no mark: after the last space within `maxChars`, never inside a surrogate pair. */
function boundedCut(text: string): number {
  const space = text.slice(0, maxChars).search(/\s\S*$/);
  if (space > 0) return space + 1;
  const last = text.charCodeAt(maxChars - 1);
  return last >= 0xd800 && last <= 0xdbff ? maxChars - 1 : maxChars;
}
