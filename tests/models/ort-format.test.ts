import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readOrtModel } from '../../src-main/core/onnx/ortFormat.ts';
import { modelDir } from '../helpers/asr.ts';

let file: Uint8Array;
beforeAll(async () => {
  file = await readFile(join(modelDir('moonshine-tiny-en'), 'encoder_model.ort'));
});

describe('a model in ONNX Runtime format', () => {
  it('gives its nodes and weights', () => {
    const graph = readOrtModel(file);
    expect(graph?.nodes.length).toBeGreaterThan(50);
    const sizes = { float: 4, uint8: 1, int64: 8, other: 0 };
    const wrong = [...(graph?.weights ?? [])].filter(
      ([, { type, dims, bytes }]) =>
        type !== 'other' && bytes.length !== dims.reduce((all, dim) => all * dim, 1) * sizes[type],
    );
    expect(wrong).toEqual([]);
    expect(graph?.weights.size).toBeGreaterThan(20);
  });

  it('is told from anything else', () => {
    expect(readOrtModel(new Uint8Array(0))).toBeNull();
    expect(readOrtModel(new TextEncoder().encode('GGUF and more than eight bytes'))).toBeNull();
  });

  it('never reads outside a damaged file', () => {
    // The tables lie in the first part; flipping bytes there hits positions, lengths and counts.
    const head = file.subarray(0, Math.min(file.length, 200_000));
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: head.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, flip) => {
          const damaged = Uint8Array.from(head);
          damaged[at] = (damaged[at] ?? 0) ^ flip;
          try {
            readOrtModel(damaged);
          } catch (error) {
            expect(error).toBeInstanceOf(RangeError);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
