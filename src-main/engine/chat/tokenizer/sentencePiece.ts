/**
 * SentencePiece BPE (Llama 2, Mistral, Gemma): spaces are written as ▁, neighbours whose joint piece is in
 * the vocabulary merge by score, and what is in no piece is spelled in bytes.
 */
import type { WordEncoder } from './byteLevelBpe.ts';
import { mergeSymbols } from './mergeSymbols.ts';
import type { Vocabulary } from './vocabulary.ts';

const SPACE = '\u2581';

export function sentencePiece(vocabulary: Vocabulary): WordEncoder {
  const utf8 = new TextEncoder();
  const byteIds = Array.from({ length: 256 }, (_, byte) =>
    vocabulary.id(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
  const priority = (left: string, right: string): number | undefined => {
    const id = vocabulary.id(left + right);
    return id === undefined ? undefined : -vocabulary.score(id);
  };
  return {
    encode(text) {
      const symbols = Array.from(text.replaceAll(' ', SPACE));
      return mergeSymbols(symbols, priority).flatMap((symbol) => {
        const id = vocabulary.id(symbol);
        if (id !== undefined) return [id];
        return Array.from(utf8.encode(symbol), (byte) => byteIds[byte] ?? vocabulary.unknown);
      });
    },
    bytes(tokenText) {
      const hex = /^<0x([0-9A-F]{2})>$/.exec(tokenText);
      if (hex !== null) return Uint8Array.of(Number.parseInt(hex[1] as string, 16));
      return utf8.encode(tokenText.replaceAll(SPACE, ' '));
    },
  };
}
