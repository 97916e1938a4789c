/**
 * Text to token ids and back, as the GGUF file says.
 *
 * What a person says or pastes must never act as a control token: a typed “<|im_end|>” would end the turn
 * and could begin another one in the system's name. So control tokens are found only in pieces marked as
 * template text; everything else is plain.
 */
import { SottoError } from '../../../contract/errors.ts';
import type { Gguf } from '../../../core/gguf/types.ts';
import { byteLevelBpe, type WordEncoder } from './byteLevelBpe.ts';
import { sentencePiece } from './sentencePiece.ts';
import { readVocabulary, TOKEN_KIND, type Vocabulary } from './vocabulary.ts';

export interface TextPiece {
  readonly text: string;
  /** Template text: control tokens in it count as such. */
  readonly isTemplate: boolean;
}

export interface Tokenizer {
  readonly vocabulary: Vocabulary;
  readonly bosText: string;
  readonly eosText: string;
  encode(pieces: readonly TextPiece[]): number[];
  /** Bytes a token stands for; none for control tokens. */
  bytes(id: number): Uint8Array;
  /** True for every token that ends an answer. */
  isEnd(id: number): boolean;
}

/** Control tokens that end a turn in the known chat formats, beside the file's own end token. */
const END_TEXTS = [
  '<|im_end|>',
  '<|eot_id|>',
  '<|end_of_text|>',
  '<|endoftext|>',
  '<end_of_turn>',
  '<|end|>',
  '</s>',
] as const;

export function createTokenizer(gguf: Gguf): Tokenizer {
  const vocabulary = readVocabulary(gguf);
  const words = wordEncoder(gguf, vocabulary);
  const flag = (key: string, otherwise: boolean): boolean => {
    const value = gguf.metadata.get(`tokenizer.ggml.${key}`);
    return typeof value === 'boolean' ? value : otherwise;
  };
  const idOf = (key: string): number | undefined => {
    const value = gguf.metadata.get(`tokenizer.ggml.${key}`);
    return typeof value === 'number' && value < vocabulary.size ? value : undefined;
  };
  const isSpm = gguf.metadata.get('tokenizer.ggml.model') === 'llama';
  const bos = idOf('bos_token_id');
  const addsBos = flag('add_bos_token', isSpm) && bos !== undefined;
  const addsSpace = isSpm && flag('add_space_prefix', true);
  const ends = new Set<number>();
  for (const id of [
    idOf('eos_token_id'),
    idOf('eot_token_id'),
    ...END_TEXTS.map((text) => vocabulary.id(text)),
  ]) {
    if (id !== undefined) ends.add(id);
  }
  const special = specialFinder(vocabulary);

  const encode = (pieces: readonly TextPiece[]): number[] => {
    const ids: number[] = [];
    let plain = '';
    let afterSpecial = true;
    const flush = (): void => {
      if (plain !== '') {
        ids.push(...words.encode(addsSpace && afterSpecial ? ` ${plain}` : plain));
        afterSpecial = false;
      }
      plain = '';
    };
    for (const piece of pieces) {
      for (const part of special(piece)) {
        if (typeof part === 'string') plain += part;
        else {
          flush();
          ids.push(part);
          afterSpecial = true;
        }
      }
    }
    flush();
    if (addsBos && ids[0] !== bos) ids.unshift(bos);
    return ids;
  };

  const utf8 = new TextEncoder();
  return {
    vocabulary,
    bosText: bos === undefined ? '' : vocabulary.text(bos),
    eosText: vocabulary.text(idOf('eos_token_id') ?? -1),
    encode,
    bytes(id) {
      const kind = vocabulary.kind(id);
      if (kind === TOKEN_KIND.control || kind === TOKEN_KIND.unknown) return new Uint8Array(0);
      const text = vocabulary.text(id);
      return kind === TOKEN_KIND.userDefined ? utf8.encode(text) : words.bytes(text);
    },
    isEnd: (id) => ends.has(id),
  };
}

function wordEncoder(gguf: Gguf, vocabulary: Vocabulary): WordEncoder {
  const model = gguf.metadata.get('tokenizer.ggml.model');
  if (model === 'gpt2') {
    const merges = gguf.metadata.get('tokenizer.ggml.merges');
    const kind = gguf.metadata.get('tokenizer.ggml.pre');
    return byteLevelBpe(
      vocabulary,
      Array.isArray(merges) ? (merges as string[]) : [],
      typeof kind === 'string' ? kind : 'default',
    );
  }
  if (model === 'llama') return sentencePiece(vocabulary);
  throw new SottoError(
    `This GGUF file has a tokenizer of kind “${String(model)}”; Sotto knows gpt2 (byte-level BPE) and llama (SentencePiece).`,
    { code: 'unsupported-model', stage: 'chat' },
  );
}

/** Splits a piece at its special tokens: control ones in template text only, user-defined ones everywhere. */
function specialFinder(vocabulary: Vocabulary): (piece: TextPiece) => (string | number)[] {
  const control: string[] = [];
  const userDefined: string[] = [];
  for (let id = 0; id < vocabulary.size; id += 1) {
    const kind = vocabulary.kind(id);
    const text = vocabulary.text(id);
    if (text === '') continue;
    if (kind === TOKEN_KIND.control) control.push(text);
    if (kind === TOKEN_KIND.userDefined) userDefined.push(text);
  }
  const inTemplate = alternatives([...control, ...userDefined]);
  const inPlain = alternatives(userDefined);
  return ({ text, isTemplate }) => {
    const pattern = isTemplate ? inTemplate : inPlain;
    if (pattern === null) return [text];
    return text
      .split(pattern)
      .map((part, i) => (i % 2 === 1 ? (vocabulary.id(part) ?? part) : part))
      .filter((part) => part !== '');
  };
}

/** A capturing pattern of all texts, longest first. */
function alternatives(texts: readonly string[]): RegExp | null {
  if (texts.length === 0) return null;
  const escaped = [...texts]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`(${escaped.join('|')})`, 'u');
}
