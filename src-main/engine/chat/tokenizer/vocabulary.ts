/** The tokens of a GGUF file with their kinds and ids. */
import { SottoError } from '../../../contract/errors.ts';
import type { Gguf, GgufValue } from '../../../core/gguf/types.ts';

/** `tokenizer.ggml.token_type` (ggml's llama_token_type). */
export const TOKEN_KIND = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Vocabulary {
  readonly size: number;
  /** Id used for what cannot be written in this vocabulary. */
  readonly unknown: number;
  id(text: string): number | undefined;
  text(id: number): string;
  kind(id: number): number;
  score(id: number): number;
}

export function readVocabulary(gguf: Gguf): Vocabulary {
  const list = (key: string): readonly GgufValue[] | undefined => {
    const value = gguf.metadata.get(`tokenizer.ggml.${key}`);
    return Array.isArray(value) ? value : undefined;
  };
  const tokens = list('tokens') as readonly string[] | undefined;
  if (tokens === undefined || tokens.length === 0) {
    throw new SottoError('This GGUF file has no vocabulary. Choose a chat model file.', {
      code: 'unsupported-model',
      stage: 'chat',
    });
  }
  const kinds = list('token_type') as readonly number[] | undefined;
  const scores = list('scores') as readonly number[] | undefined;
  const ids = new Map<string, number>();
  tokens.forEach((token, id) => {
    if (!ids.has(token)) ids.set(token, id);
  });
  const unknown = gguf.metadata.get('tokenizer.ggml.unknown_token_id');
  return {
    size: tokens.length,
    unknown: typeof unknown === 'number' ? unknown : 0,
    id: (text) => ids.get(text),
    text: (id) => tokens[id] ?? '',
    kind: (id) => kinds?.[id] ?? TOKEN_KIND.normal,
    score: (id) => scores?.[id] ?? 0,
  };
}
