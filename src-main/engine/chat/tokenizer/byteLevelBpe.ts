/**
 * Byte-level BPE (GPT-2 and its heirs): text is cut into words by a pattern, a word's bytes are written as
 * printable characters, and neighbours merge by rank.
 *
 * The pattern is part of the model: a wrong one gives other tokens and worse answers without any error, so
 * an unknown kind is refused by name.
 */
import { SottoError } from '../../../contract/errors.ts';
import { mergeSymbols } from './mergeSymbols.ts';
import type { Vocabulary } from './vocabulary.ts';

const GPT2 = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const LLAMA3 =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu;
const QWEN2 =
  /'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu;
const TEKKEN =
  /[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu;

interface PreTokenizer {
  /** Digits stand alone before the pattern is applied. */
  readonly singleDigits?: boolean;
  readonly pattern: RegExp;
  /** A word that is a token as a whole is taken as it is, whatever the merges say. */
  readonly wholeWords?: boolean;
}

/** `tokenizer.ggml.pre` -> how words are cut. */
const PRE_TOKENIZERS: { readonly [kind: string]: PreTokenizer } = {
  'gpt-2': { pattern: GPT2 },
  default: { pattern: GPT2 },
  smollm: { pattern: GPT2, singleDigits: true },
  'llama-bpe': { pattern: LLAMA3, wholeWords: true },
  llama3: { pattern: LLAMA3, wholeWords: true },
  'llama-v3': { pattern: LLAMA3, wholeWords: true },
  qwen2: { pattern: QWEN2 },
  'deepseek-r1-qwen': { pattern: QWEN2 },
  tekken: { pattern: TEKKEN, wholeWords: true },
};

/** GPT-2's printable stand-ins: visible Latin-1 characters are themselves, the other bytes follow from 256. */
const BYTE_TO_CHAR: string[] = [];
const CHAR_TO_BYTE = new Map<string, number>();
for (let byte = 0, extra = 256; byte < 256; byte += 1) {
  const visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  const char = String.fromCharCode(visible ? byte : extra++);
  BYTE_TO_CHAR.push(char);
  CHAR_TO_BYTE.set(char, byte);
}

/** Words seen before, whole; speech repeats itself. Emptied when full rather than tracked by age. */
const CACHED_WORDS = 20_000;

export interface WordEncoder {
  /** Token ids of plain text. */
  encode(text: string): number[];
  /** Bytes of a normal token's text. */
  bytes(tokenText: string): Uint8Array;
}

/** @throws SottoError `unsupported-model` for an unknown pre-tokenizer kind */
export function byteLevelBpe(vocabulary: Vocabulary, merges: readonly string[], kind: string): WordEncoder {
  const found = Object.hasOwn(PRE_TOKENIZERS, kind) ? PRE_TOKENIZERS[kind] : undefined;
  if (found === undefined) {
    throw new SottoError(
      `This GGUF file cuts text by the rule “${kind}”, which Sotto does not know. It knows: ${Object.keys(PRE_TOKENIZERS).join(', ')}.`,
      { code: 'unsupported-model', stage: 'chat' },
    );
  }
  const rules: PreTokenizer = found;
  const ranks = new Map<string, number>();
  merges.forEach((merge, rank) => {
    ranks.set(merge, rank);
  });
  const utf8 = new TextEncoder();
  const cache = new Map<string, readonly number[]>();

  const encodeWord = (word: string): readonly number[] => {
    const known = cache.get(word);
    if (known !== undefined) return known;
    const chars = Array.from(utf8.encode(word), (byte) => BYTE_TO_CHAR[byte] as string);
    const whole = rules.wholeWords === true ? vocabulary.id(chars.join('')) : undefined;
    const ids: number[] = [];
    if (whole !== undefined) ids.push(whole);
    else {
      for (const symbol of mergeSymbols(chars, (a, b) => ranks.get(`${a} ${b}`))) {
        const id = vocabulary.id(symbol);
        if (id !== undefined) ids.push(id);
        else for (const char of symbol) ids.push(vocabulary.id(char) ?? vocabulary.unknown);
      }
    }
    if (cache.size >= CACHED_WORDS) cache.clear();
    if (word.length <= 64) cache.set(word, ids);
    return ids;
  };

  const words = (text: string): string[] => {
    const parts = rules.singleDigits === true ? text.split(/(\p{N})/u) : [text];
    return parts.flatMap((part) => part.match(rules.pattern) ?? []);
  };

  return {
    encode: (text) => words(text).flatMap((word) => encodeWord(word)),
    bytes: (tokenText) => Uint8Array.from(Array.from(tokenText, (char) => CHAR_TO_BYTE.get(char) ?? 63)),
  };
}
