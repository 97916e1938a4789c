/**
 * A GGUF matrix in a form that ONNX Runtime's kernels take.
 *
 * Kernels, not formats, decide the form (measured 2026-11, FACTS of the design): MatMulNBits with 8-bit
 * integers in blocks of 32 and integer zero points is fastest at a prompt and as fast as 4 bit at decoding;
 * float zero points fall off the fast path. So `fast` keeps an encoding that maps onto it without minima
 * and requantises the rest to 8 bit (near lossless: half a step of 1/255 of a block's range), while `exact`
 * keeps the file's numbers and adds the minima as a small second product.
 */

import { dequantize } from '../../core/gguf/dequantize.ts';
import type { TensorType } from '../../core/gguf/types.ts';
import { type BlockType, isBlockType, unpack } from '../../core/gguf/unpack.ts';
import { joinBytes } from '../../core/join.ts';

export type Form = 'fast' | 'exact';

export interface BlockMatrix {
  readonly kind: 'blocks';
  readonly bits: 4 | 8;
  readonly blockSize: 16 | 32;
  /** [rows, columns / blockSize, blockSize · bits / 8] */
  readonly weights: Uint8Array;
  /** [rows, columns / blockSize] */
  readonly scales: Float32Array;
  /** [rows, columns / blockSize], two to a byte when 4 bit; null for the kernel's default (half the range). */
  readonly zeros: Uint8Array | null;
  /** [columns / blockSize, rows]; added as (sums of each block of x) × minima. */
  readonly minima: Float32Array | null;
}

export interface FloatMatrix {
  readonly kind: 'float';
  /** [columns, rows], ready for x × W. */
  readonly weights: Float32Array;
}

export type PackedMatrix = BlockMatrix | FloatMatrix;

/** Elements of a requantised block; the size MLAS's int8 kernels are tuned for. */
const FAST_BLOCK = 32;

/** Packs a matrix of `rows` × `columns`, stored row by row as `type`. */
export function packMatrix(
  type: TensorType,
  bytes: Uint8Array,
  rows: number,
  columns: number,
  form: Form,
): PackedMatrix {
  const native = isBlockType(type) && (form === 'exact' || type === 'Q8_0' || type === 'Q4_0');
  if (native) return packNative(type, bytes, rows, columns);
  const values = dequantize(type, bytes);
  if (form === 'exact' || columns % FAST_BLOCK !== 0)
    return { kind: 'float', weights: transpose(values, rows, columns) };
  return requantize(values);
}

/** Middle of the integers of the encodings that carry minima. */
const MIDDLE: { readonly [type in BlockType]: number } = {
  Q4_0: 8,
  Q4_1: 8,
  Q4_K: 8,
  Q5_0: 16,
  Q5_1: 16,
  Q5_K: 16,
  Q6_K: 32,
  Q8_0: 128,
};

function packNative(type: BlockType, bytes: Uint8Array, rows: number, columns: number): BlockMatrix {
  const { q, scales, minima: lows, subBlock, zero: fileZero, bits } = unpack(type, bytes);
  // The kernel rounds x to 8 bit, and what it loses is multiplied by (q - zero): around the middle of the
  // range that is half as much as from its end (measured 2026-11-23 on SmolLM2 Q4_1: logits off by 0.39
  // against 0.19). The minima take up the difference.
  const zero = lows === null ? fileZero : MIDDLE[type];
  const minima = lows === null ? null : lows.map((low, i) => low + zero * (scales[i] as number));
  const isDefaultZero = zero === 2 ** (bits - 1);
  const blocksPerRow = columns / subBlock;
  return {
    kind: 'blocks',
    bits,
    blockSize: subBlock,
    weights: bits === 8 ? q : pairNibbles(q),
    scales,
    zeros: isDefaultZero ? null : zeroPoints(zero, bits, rows, blocksPerRow),
    minima: minima === null ? null : transpose(minima, rows, blocksPerRow),
  };
}

/** Two neighbours to a byte, the first in the low half. */
function pairNibbles(q: Uint8Array): Uint8Array {
  const packed = new Uint8Array(q.length / 2);
  for (let i = 0; i < packed.length; i += 1)
    packed[i] = (q[2 * i] as number) | ((q[2 * i + 1] as number) << 4);
  return packed;
}

function zeroPoints(zero: number, bits: 4 | 8, rows: number, blocksPerRow: number): Uint8Array {
  if (bits === 8) return new Uint8Array(rows * blocksPerRow).fill(zero);
  return new Uint8Array(rows * Math.ceil(blocksPerRow / 2)).fill(zero | (zero << 4));
}

/** 8 bit, asymmetric: each block's range, widened to include zero, is cut into 255 steps. */
function requantize(values: Float32Array): BlockMatrix {
  const blocks = values.length / FAST_BLOCK;
  const weights = new Uint8Array(values.length);
  const scales = new Float32Array(blocks);
  const zeros = new Uint8Array(blocks);
  for (let block = 0; block < blocks; block += 1) {
    const from = block * FAST_BLOCK;
    let low = 0;
    let high = 0;
    for (let i = from; i < from + FAST_BLOCK; i += 1) {
      const value = values[i] as number;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    const scale = (high - low) / 255 || 1;
    const zero = Math.round(-low / scale);
    scales[block] = scale;
    zeros[block] = zero;
    const inverse = 1 / scale;
    for (let i = from; i < from + FAST_BLOCK; i += 1) {
      const q = Math.round((values[i] as number) * inverse) + zero;
      weights[i] = Math.max(0, Math.min(255, q));
    }
  }
  return { kind: 'blocks', bits: 8, blockSize: FAST_BLOCK, weights, scales, zeros, minima: null };
}

function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1)
      out[column * rows + row] = values[row * columns + column] as number;
  }
  return out;
}

/** True when two matrices can be stacked into one product over the same x. */
export function canStack(a: PackedMatrix, b: PackedMatrix): boolean {
  if (a.kind !== 'blocks' || b.kind !== 'blocks') return false;
  return (
    a.bits === b.bits &&
    a.blockSize === b.blockSize &&
    (a.zeros === null) === (b.zeros === null) &&
    a.minima === null &&
    b.minima === null
  );
}

/** Stacks matrices (rows under rows) for which `canStack` holds. */
export function stack(parts: readonly BlockMatrix[]): BlockMatrix {
  const first = parts[0] as BlockMatrix;
  const scales = joinBytes(
    parts.map((part) => new Uint8Array(part.scales.buffer, part.scales.byteOffset, part.scales.byteLength)),
  );
  return {
    ...first,
    weights: joinBytes(parts.map((part) => part.weights)),
    scales: new Float32Array(scales.buffer),
    zeros: first.zeros === null ? null : joinBytes(parts.map((part) => part.zeros ?? new Uint8Array(0))),
  };
}
