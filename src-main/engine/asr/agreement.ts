/**
 * Partial text that only ever grows.
 *
 * Each decode of an unfinished utterance may change its last words, and text that is taken back flickers on
 * screen and throws away what was computed from it. The rule (LocalAgreement-2, Macháček et al. 2023): a word
 * is shown when two decodes running agree on it and on all before it, and the last of them is held back,
 * since its end may still be missing. Case and punctuation do not count for agreement; what was shown stays
 * as it was spelled. Worst case: a decoder that wavers shows nothing until the segment is settled.
 */

interface Word {
  readonly text: string;
  /** What agreement compares. */
  readonly key: string;
}

export class GrowingText {
  #shown = '';
  /** Words of the open segment that are shown already. */
  #shownWords = 0;
  #previous: readonly Word[] = [];

  /** All that was shown so far. */
  get text(): string {
    return this.#shown;
  }

  /** A new decode of the open segment; returns the longer text, or undefined when nothing can be added. */
  add(hypothesis: string): string | undefined {
    const words = wordsOf(hypothesis);
    let agreed = 0;
    while (agreed < words.length && words[agreed]?.key === this.#previous[agreed]?.key) agreed++;
    this.#previous = words;
    return this.#show(words, agreed - 1);
  }

  /** The open segment is settled with this text; the next decode begins a new one. */
  settle(text: string): string | undefined {
    const words = wordsOf(text);
    const grown = this.#show(words, words.length, true);
    this.#shownWords = 0;
    this.#previous = [];
    return grown;
  }

  #show(words: readonly Word[], count: number, whole = false): string | undefined {
    const before = this.#shown;
    while (this.#shownWords < count) {
      const word = words[this.#shownWords];
      if (word === undefined) break;
      // The mark after the word before belongs to the text only now that another word follows it.
      const mark = this.#shownWords > 0 ? markAfter(words[this.#shownWords - 1]) : '';
      if (mark !== '' && !/[\p{P}]$/u.test(this.#shown)) this.#shown += mark;
      this.#shown +=
        (this.#shown === '' ? '' : ' ') + word.text.slice(0, word.text.length - markAfter(word).length);
      this.#shownWords++;
    }
    if (whole && words.length > 0 && this.#shownWords === words.length) {
      const mark = markAfter(words[words.length - 1]);
      if (mark !== '' && !/[\p{P}]$/u.test(this.#shown)) this.#shown += mark;
    }
    return this.#shown === before ? undefined : this.#shown;
  }
}

function wordsOf(text: string): readonly Word[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => ({ text: word, key: word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '') }));
}

/** Punctuation at a word's end. */
function markAfter(word: Word | undefined): string {
  return /[^\p{L}\p{N}]+$/u.exec(word?.text ?? '')?.[0] ?? '';
}
