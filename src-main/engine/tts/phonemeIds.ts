/** Phonemes of words to a voice's ids, and from ids back to words. */
import { SottoError } from '../../contract/errors.ts';
import type { PhonemeWord } from './phonemes.ts';
import type { PiperConfig } from './piperConfig.ts';

export interface SpokenIds {
  /** ^ _ p _ p _ … $ */
  readonly ids: readonly number[];
  /** For each word, its half-open range of ids, the padding after each phoneme included. */
  readonly ranges: readonly { readonly from: number; readonly to: number }[];
}

/** Marks espeak writes that voices were never trained on; leaving them out changes no phoneme. */
const ignorable = /^(?:\p{Mn}|\u200d|\u2040|-)$/u;

/** Throws unspeakable-symbol when the voice has no id for a phoneme: a hole in speech is worse than a message. */
export function toIds(words: readonly PhonemeWord[], config: PiperConfig): SpokenIds {
  const id = (phoneme: string): readonly number[] => config.phonemeIds.get(phoneme) ?? [];
  const ids = [...id('^'), ...id('_')];
  const ranges: { from: number; to: number }[] = [];
  for (const word of words) {
    const from = ids.length;
    for (const phoneme of word.phonemes.flatMap((character) => Array.from(character.normalize('NFD')))) {
      const known = config.phonemeIds.get(phoneme);
      if (known !== undefined) ids.push(...known, ...id('_'));
      else if (!ignorable.test(phoneme)) throw unspeakable(phoneme);
    }
    ranges.push({ from, to: ids.length });
  }
  ids.push(...id('$'));
  return { ids, ranges };
}

function unspeakable(phoneme: string): SottoError {
  const point = (phoneme.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return new SottoError(
    `This voice cannot speak the sound "${phoneme}" (U+${point}). Choose a voice of the text's language.`,
    { code: 'unspeakable-symbol', stage: 'tts' },
  );
}
