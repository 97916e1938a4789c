import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../src-main/contract/errors.ts';
import { dequantize } from '../../src-main/core/gguf/dequantize.ts';
import { TENSOR_TYPES, type TensorType } from '../../src-main/core/gguf/types.ts';
import { halfToFloat, isBlockType } from '../../src-main/core/gguf/unpack.ts';
import { packMatrix } from '../../src-main/engine/chat/packedMatrix.ts';

/** Random blocks and the numbers they hold, made with the PyPI package gguf 0.19.0 (gguf.quants.dequantize). */
const golden: { readonly [type: string]: { readonly bytes: string; readonly values: string } } = JSON.parse(
  readFileSync('tests/helpers/ggufGolden.json', 'utf8'),
);

function vectors(type: string): { bytes: Uint8Array; values: Float32Array } {
  const entry = golden[type];
  if (entry === undefined) throw new Error(`no golden vectors of ${type}`);
  const values = new Uint8Array(Buffer.from(entry.values, 'base64'));
  return {
    bytes: new Uint8Array(Buffer.from(entry.bytes, 'base64')),
    values: new Float32Array(values.buffer),
  };
}

const TYPES = Object.keys(TENSOR_TYPES).filter((type): type is TensorType => type !== 'F32');

describe('dequantizing', () => {
  it.each(TYPES)('%s gives the numbers of the reference', (type) => {
    const { bytes, values } = vectors(type);
    const ours = dequantize(type, bytes);
    expect(ours.length).toBe(values.length);
    for (const [i, value] of values.entries())
      expect(Math.abs((ours[i] as number) - value), `${i}`).toBeLessThanOrEqual(
        Math.abs(value) * 1e-5 + 1e-5,
      );
  });

  it('F32 gives the numbers themselves', () => {
    const values = Float32Array.of(0, -1.5, 3e30, 1e-40);
    expect(dequantize('F32', new Uint8Array(values.buffer))).toEqual(values);
  });

  it.each(Object.keys(TENSOR_TYPES) as TensorType[])('%s refuses half a block', (type) => {
    const bytes = new Uint8Array(TENSOR_TYPES[type].blockBytes * 2 - 1);
    expect(() => dequantize(type, bytes)).toThrow(SottoError);
  });

  it('knows every kind of half-precision number', () => {
    expect(halfToFloat(0x3c00)).toBe(1);
    expect(halfToFloat(0xc000)).toBe(-2);
    expect(halfToFloat(0x0001)).toBe(2 ** -24);
    expect(halfToFloat(0x7bff)).toBe(65504);
    expect(halfToFloat(0x7c00)).toBe(Number.POSITIVE_INFINITY);
    expect(halfToFloat(0x7e00)).toBeNaN();
  });
});

describe('packing for the kernels', () => {
  const blockTypes = TYPES.filter(isBlockType);

  it.each(blockTypes)('%s keeps every number in the exact form', (type) => {
    const { bytes, values } = vectors(type);
    const packed = packMatrix(type, bytes, 2, values.length / 2, 'exact');
    if (packed.kind !== 'blocks') throw new Error('expected blocks');
    const { bits, blockSize, weights, scales, zeros, minima } = packed;
    const perRow = values.length / 2 / blockSize;
    for (const [i, value] of values.entries()) {
      const q = bits === 8 ? (weights[i] as number) : ((weights[i >> 1] as number) >> ((i & 1) * 4)) & 15;
      const block = Math.floor(i / blockSize);
      const zero = zeros === null ? 2 ** (bits - 1) : (zeros[block] as number);
      const minimum =
        minima === null ? 0 : (minima[(block % perRow) * 2 + Math.floor(block / perRow)] as number);
      const ours = (q - zero) * (scales[block] as number) + minimum;
      expect(Math.abs(ours - value), `${i}`).toBeLessThanOrEqual(Math.abs(value) * 1e-4 + 1e-4);
    }
  });

  it.each(blockTypes)('%s is off by at most half a step in the fast form', (type) => {
    const { bytes, values } = vectors(type);
    const packed = packMatrix(type, bytes, 2, values.length / 2, 'fast');
    if (packed.kind !== 'blocks') throw new Error('expected blocks');
    if (packed.bits === 4) return expect(type).toBe('Q4_0');
    for (const [i, value] of values.entries()) {
      const block = Math.floor(i / packed.blockSize);
      const step = packed.scales[block] as number;
      const ours = ((packed.weights[i] as number) - (packed.zeros?.[block] ?? 128)) * step;
      expect(Math.abs(ours - value), `${i}`).toBeLessThanOrEqual(Math.abs(step) * 1.01 + 1e-6);
    }
  });
});
