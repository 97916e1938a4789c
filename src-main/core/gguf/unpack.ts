/**
 * GGUF blocks taken apart into small integers, scales and minima, without losing a bit:
 * value = scale · (q − zero) + minimum, with one scale (and minimum) per sub-block.
 *
 * Layouts after the ggml project's block definitions: 32-element blocks carry one half-precision scale (and
 * a minimum in the _1 kinds), 256-element "K" blocks carry 6-bit sub-scales under one or two of them.
 */
import { corruptGguf } from './cursor.ts';
import { TENSOR_TYPES, type TensorType } from './types.ts';

export type BlockType = Exclude<TensorType, 'F32' | 'F16' | 'BF16'>;

export interface Unpacked {
  /** One small integer an element, in storage order. */
  readonly q: Uint8Array;
  /** Elements that share a scale. */
  readonly subBlock: 16 | 32;
  readonly scales: Float32Array;
  readonly minima: Float32Array | null;
  /** Subtracted from every q. */
  readonly zero: number;
  /** Bits the integers need. */
  readonly bits: 4 | 8;
}

const HALF = new Float32Array(65536);
for (let bits = 0; bits < 65536; bits += 1) {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  const sign = bits & 0x8000 ? -1 : 1;
  if (exponent === 0) HALF[bits] = sign * fraction * 2 ** -24;
  else if (exponent === 31) HALF[bits] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  else HALF[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Half-precision bits to a number. */
export function halfToFloat(bits: number): number {
  return HALF[bits & 0xffff] as number;
}

const byte = (src: Uint8Array, at: number): number => src[at] as number;
const half = (src: Uint8Array, at: number): number =>
  HALF[byte(src, at) | (byte(src, at + 1) << 8)] as number;
const signed = (value: number): number => (value << 24) >> 24;

/** Where a block's parts go: element index, sub-block index. */
interface Sink {
  readonly q: Uint8Array;
  readonly scales: Float32Array;
  readonly minima: Float32Array;
}
type BlockUnpacker = (src: Uint8Array, at: number, sink: Sink, element: number, sub: number) => void;

/** Sixteen bytes of nibbles: the low ones are elements 0–15, the high ones 16–31. */
function nibbles(src: Uint8Array, at: number, q: Uint8Array, element: number): void {
  for (let i = 0; i < 16; i += 1) {
    const packed = byte(src, at + i);
    q[element + i] = packed & 15;
    q[element + 16 + i] = packed >> 4;
  }
}

/** The fifth bits of 32 elements, four bytes little endian. */
function fifthBits(src: Uint8Array, at: number, q: Uint8Array, element: number): void {
  for (let i = 0; i < 32; i += 1) {
    const bit = (byte(src, at + (i >> 3)) >> (i & 7)) & 1;
    q[element + i] = (q[element + i] as number) | (bit << 4);
  }
}

const q40: BlockUnpacker = (src, at, sink, element, sub) => {
  sink.scales[sub] = half(src, at);
  nibbles(src, at + 2, sink.q, element);
};

const q41: BlockUnpacker = (src, at, sink, element, sub) => {
  sink.scales[sub] = half(src, at);
  sink.minima[sub] = half(src, at + 2);
  nibbles(src, at + 4, sink.q, element);
};

const q50: BlockUnpacker = (src, at, sink, element, sub) => {
  sink.scales[sub] = half(src, at);
  nibbles(src, at + 6, sink.q, element);
  fifthBits(src, at + 2, sink.q, element);
};

const q51: BlockUnpacker = (src, at, sink, element, sub) => {
  sink.scales[sub] = half(src, at);
  sink.minima[sub] = half(src, at + 2);
  nibbles(src, at + 8, sink.q, element);
  fifthBits(src, at + 4, sink.q, element);
};

const q80: BlockUnpacker = (src, at, sink, element, sub) => {
  sink.scales[sub] = half(src, at);
  for (let i = 0; i < 32; i += 1) sink.q[element + i] = signed(byte(src, at + 2 + i)) + 128;
};

/** The eight 6-bit scales and minima that Q4_K and Q5_K pack into twelve bytes. */
function subScales(src: Uint8Array, at: number, sink: Sink, sub: number): void {
  const d = half(src, at);
  const dMin = half(src, at + 2);
  const s = at + 4;
  for (let j = 0; j < 8; j += 1) {
    const scale =
      j < 4 ? byte(src, s + j) & 63 : (byte(src, s + j + 4) & 15) | ((byte(src, s + j - 4) >> 6) << 4);
    const minimum =
      j < 4 ? byte(src, s + j + 4) & 63 : (byte(src, s + j + 4) >> 4) | ((byte(src, s + j) >> 6) << 4);
    sink.scales[sub + j] = d * scale;
    sink.minima[sub + j] = -dMin * minimum;
  }
}

const qk45 =
  (hasHighBits: boolean): BlockUnpacker =>
  (src, at, sink, element, sub) => {
    subScales(src, at, sink, sub);
    const lowAt = at + (hasHighBits ? 48 : 16);
    for (let j = 0; j < 8; j += 1) {
      const from = lowAt + (j >> 1) * 32;
      for (let i = 0; i < 32; i += 1) {
        const low = (byte(src, from + i) >> ((j & 1) * 4)) & 15;
        const high = hasHighBits ? (byte(src, at + 16 + i) >> j) & 1 : 0;
        sink.q[element + j * 32 + i] = low | (high << 4);
      }
    }
  };

const q6k: BlockUnpacker = (src, at, sink, element, sub) => {
  const d = half(src, at + 208);
  for (let j = 0; j < 16; j += 1) sink.scales[sub + j] = d * signed(byte(src, at + 192 + j));
  for (let n = 0; n < 2; n += 1) {
    for (let i = 0; i < 32; i += 1) {
      const bits = byte(src, at + 128 + n * 32 + i);
      const a = byte(src, at + n * 64 + i);
      const b = byte(src, at + n * 64 + 32 + i);
      const to = element + n * 128 + i;
      sink.q[to] = (a & 15) | ((bits & 3) << 4);
      sink.q[to + 32] = (b & 15) | (((bits >> 2) & 3) << 4);
      sink.q[to + 64] = (a >> 4) | (((bits >> 4) & 3) << 4);
      sink.q[to + 96] = (b >> 4) | ((bits >> 6) << 4);
    }
  }
};

interface Kind {
  readonly unpack: BlockUnpacker;
  readonly subBlock: 16 | 32;
  readonly zero: number;
  readonly bits: 4 | 8;
  readonly hasMinima: boolean;
}

const KINDS: { readonly [type in BlockType]: Kind } = {
  Q4_0: { unpack: q40, subBlock: 32, zero: 8, bits: 4, hasMinima: false },
  Q4_1: { unpack: q41, subBlock: 32, zero: 0, bits: 4, hasMinima: true },
  Q5_0: { unpack: q50, subBlock: 32, zero: 16, bits: 8, hasMinima: false },
  Q5_1: { unpack: q51, subBlock: 32, zero: 0, bits: 8, hasMinima: true },
  Q8_0: { unpack: q80, subBlock: 32, zero: 128, bits: 8, hasMinima: false },
  Q4_K: { unpack: qk45(false), subBlock: 32, zero: 0, bits: 4, hasMinima: true },
  Q5_K: { unpack: qk45(true), subBlock: 32, zero: 0, bits: 8, hasMinima: true },
  Q6_K: { unpack: q6k, subBlock: 16, zero: 32, bits: 8, hasMinima: false },
};

/** True for the encodings `unpack` takes. */
export function isBlockType(type: TensorType): type is BlockType {
  return Object.hasOwn(KINDS, type);
}

/**
 * Takes whole blocks apart.
 *
 * @param bytes blocks of `type`, back to back
 * @throws SottoError `model-corrupt` when the bytes are no whole number of blocks
 */
export function unpack(type: BlockType, bytes: Uint8Array): Unpacked {
  const { blockBytes, blockElements } = TENSOR_TYPES[type];
  const kind = KINDS[type];
  const blocks = bytes.length / blockBytes;
  if (!Number.isInteger(blocks))
    throw corruptGguf(`a ${type} tensor has ${bytes.length} bytes, no multiple of ${blockBytes}`);
  const subsPerBlock = blockElements / kind.subBlock;
  const sink: Sink = {
    q: new Uint8Array(blocks * blockElements),
    scales: new Float32Array(blocks * subsPerBlock),
    minima: new Float32Array(kind.hasMinima ? blocks * subsPerBlock : 0),
  };
  for (let i = 0; i < blocks; i += 1) {
    kind.unpack(bytes, i * blockBytes, sink, i * blockElements, i * subsPerBlock);
  }
  const { subBlock, zero, bits } = kind;
  return {
    q: sink.q,
    scales: sink.scales,
    minima: kind.hasMinima ? sink.minima : null,
    subBlock,
    zero,
    bits,
  };
}
