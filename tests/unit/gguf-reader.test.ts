import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../src-main/contract/errors.ts';
import { readGguf } from '../../src-main/core/gguf/readGguf.ts';
import type { ByteSource } from '../../src-main/core/gguf/types.ts';
import { tinyModel, writeGguf } from '../helpers/ggufWriter.ts';

/** A file in memory that counts what it was asked for. */
function sourceOf(file: Uint8Array): ByteSource & { readonly largestRead: () => number } {
  let largest = 0;
  return {
    sizeBytes: file.length,
    async read(offset, length) {
      if (offset + length > file.length) throw new Error('read past the end');
      largest = Math.max(largest, length);
      return file.slice(offset, offset + length);
    },
    largestRead: () => largest,
  };
}

const failureOf = (file: Uint8Array): Promise<unknown> =>
  readGguf(sourceOf(file)).then(
    () => null,
    (error: unknown) => error,
  );

const small = writeGguf(
  {
    'general.architecture': { text: 'llama' },
    count: { u32: 7 },
    flag: { bool: true },
    ratio: { f32: 0.5 },
    words: { texts: ['a', 'ünï', ''] },
    kinds: { i32s: [1, 2, 3] },
    scores: { f32s: [0.25, 8] },
  },
  [
    { name: 'first', dims: [4, 2], typeId: 0, bytes: new Uint8Array(32).fill(1) },
    { name: 'second', dims: [32], typeId: 8, bytes: new Uint8Array(34).fill(2) },
  ],
);

describe('a GGUF header', () => {
  it('is read as it was written', async () => {
    const { version, metadata, tensors } = await readGguf(sourceOf(small));
    expect(version).toBe(3);
    expect(Object.fromEntries(metadata)).toEqual({
      'general.architecture': 'llama',
      count: 7,
      flag: true,
      ratio: 0.5,
      words: ['a', 'ünï', ''],
      kinds: [1, 2, 3],
      scores: [0.25, 8],
    });
    const [first, second] = [...tensors.values()];
    expect(first).toMatchObject({ name: 'first', dims: [4, 2], typeId: 0 });
    expect(small.slice(first?.offset, (first?.offset ?? 0) + 2)).toEqual(Uint8Array.of(1, 1));
    expect(small[second?.offset ?? 0]).toBe(2);
    expect((second?.offset ?? 1) % 32).toBe(0);
  });

  it('is read across the edges of the window it is fetched in', async () => {
    const texts = Array.from({ length: 150_000 }, (_, i) => `token number ${i}`);
    const i32s = texts.map((_, i) => i);
    const { metadata } = await readGguf(sourceOf(writeGguf({ texts: { texts }, i32s: { i32s } }, [])));
    expect(metadata.get('texts')).toEqual(texts);
    expect(metadata.get('i32s')).toEqual(i32s);
  });

  it('cut short anywhere is refused', async () => {
    for (let length = 0; length < small.length - 30; length += 1) {
      expect(await failureOf(small.slice(0, length)), `cut at ${length}`).toBeInstanceOf(SottoError);
    }
  });

  it('of another kind of file is refused as such', async () => {
    const error = await failureOf(
      new TextEncoder().encode('PK\u0003\u0004 this is some other file altogether'),
    );
    expect(error).toMatchObject({ code: 'unsupported-format' });
  });

  it('of another version is refused as such', async () => {
    const other = small.slice();
    other[4] = 1;
    expect(await failureOf(other)).toMatchObject({ code: 'unsupported-format' });
  });

  it('that names more than the file holds is refused before anything is allocated', async () => {
    for (const at of [8, 16]) {
      const lying = small.slice();
      new DataView(lying.buffer).setBigUint64(at, 1n << 60n, true);
      expect(await failureOf(lying)).toMatchObject({ code: 'model-corrupt' });
    }
  });

  it('with the same tensor twice is refused', async () => {
    const tensor = { name: 'x', dims: [8], typeId: 0, bytes: new Uint8Array(32) };
    expect(await failureOf(writeGguf({}, [tensor, tensor]))).toMatchObject({ code: 'model-corrupt' });
  });

  it('with rows that its encoding cannot hold is refused', async () => {
    const tensor = { name: 'x', dims: [33], typeId: 8, bytes: new Uint8Array(68) };
    expect(await failureOf(writeGguf({}, [tensor]))).toMatchObject({ code: 'model-corrupt' });
  });

  it('damaged at random is read or refused, never anything else', async () => {
    const tiny = tinyModel({ architecture: 'llama', encoding: 'Q4_0', seed: 1 });
    const headerBytes = 12_000;
    const damage = fc.array(
      fc.tuple(fc.nat(headerBytes - 9), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(small, tiny), damage, async (whole, changes) => {
        const file = whole.slice();
        const view = new DataView(file.buffer);
        for (const [at, value] of changes) view.setBigUint64(at % (file.length - 8), value, true);
        const source = sourceOf(file);
        const error = await readGguf(source).then(
          () => null,
          (reason: unknown) => reason,
        );
        expect(error === null || error instanceof SottoError).toBe(true);
        expect(source.largestRead()).toBeLessThanOrEqual(file.length);
      }),
      { numRuns: 600, seed: 20_261_123 },
    );
  });
});
