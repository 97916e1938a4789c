/**
 * Moonshine's vocabulary (tokenizer.bin): token numbers to text.
 *
 * A cut or foreign file would otherwise become words that nobody said. The rule: the file is parsed whole and
 * every length byte must fit, or the model is refused as corrupt.
 *
 * Format: one entry a token, a length (one byte, or two when the first is >= 128: low + 128 * next - 128)
 * and that many bytes: a piece of UTF-8, or one raw byte of it; "▁" stands for a space.
 */

import { SottoError } from '../../contract/errors.ts';
import { joinBytes } from '../../core/join.ts';

/** Moonshine's own: both fixed by the released models. */
export const startToken = 1;
export const stopToken = 2;

export class MoonshineTokens {
  readonly #pieces: readonly Uint8Array[];

  private constructor(pieces: readonly Uint8Array[]) {
    this.#pieces = pieces;
  }

  get size(): number {
    return this.#pieces.length;
  }

  /** Parses tokenizer.bin; throws `model-corrupt` when it does not add up. */
  static parse(bytes: Uint8Array): MoonshineTokens {
    const pieces: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      let lengthBytes = bytes[at++] ?? 0;
      if (lengthBytes >= 128) lengthBytes += 128 * (bytes[at++] ?? 0) - 128;
      if (at + lengthBytes > bytes.length) throw corrupt();
      pieces.push(bytes.subarray(at, at + lengthBytes));
      at += lengthBytes;
    }
    if (pieces.length <= stopToken) throw corrupt();
    return new MoonshineTokens(pieces);
  }

  /** Text of a token sequence, trimmed; control tokens have none, bytes are joined before they are decoded. */
  text(tokens: readonly number[]): string {
    return new TextDecoder()
      .decode(joinBytes(tokens.map((token) => this.#spoken(token))))
      .replaceAll('▁', ' ')
      .trim();
  }

  #spoken(token: number): Uint8Array {
    const piece = this.#pieces[token];
    return piece === undefined || isControl(piece) ? nothing : piece;
  }
}

const nothing = new Uint8Array(0);

/** "<unk>", "<s>", "</s>", "<>" and the task tokens "<<ST_n>>". */
function isControl(piece: Uint8Array): boolean {
  if (piece[0] !== 0x3c || piece[piece.length - 1] !== 0x3e) return false;
  return /^<(unk|s|\/s||<ST_\d+>)>$/.test(new TextDecoder().decode(piece));
}

function corrupt(): SottoError {
  return new SottoError(
    'The recognition model\'s tokenizer.bin is damaged. Fetch it again: "sotto models pull moonshine-tiny-en".',
    { code: 'model-corrupt', stage: 'asr' },
  );
}
