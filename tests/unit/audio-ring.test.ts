import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { floorDb, rmsDb } from '../../src-main/core/audio/level.ts';
import { SampleRing } from '../../src-main/core/audio/ring.ts';

describe('SampleRing', () => {
  it('returns what was written at any position it still holds', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 20 }),
        fc.nat(1000),
        fc.nat(1000),
        (capacity, sizes, a, b) => {
          const ring = new SampleRing(capacity);
          let next = 0;
          for (const size of sizes) ring.write(Float32Array.from({ length: size }, () => next++));
          expect(ring.end).toBe(next);
          expect(ring.start).toBe(Math.max(0, next - capacity));
          const from = ring.start + (a % (ring.end - ring.start + 1));
          const to = from + (b % (ring.end - from + 1));
          expect([...ring.read(from, to)]).toEqual(Array.from({ length: to - from }, (_, i) => from + i));
        },
      ),
    );
  });

  it('reads silence before the beginning, for a pre-roll', () => {
    const ring = new SampleRing(10);
    ring.write(Float32Array.of(1, 2, 3));
    expect([...ring.read(-2, 2)]).toEqual([0, 0, 1, 2]);
    expect([...ring.read(-4, -2)]).toEqual([0, 0]);
  });

  it('refuses what was overwritten, what was not written, and ranges that run backwards', () => {
    const ring = new SampleRing(4);
    ring.write(Float32Array.of(1, 2, 3, 4, 5));
    expect(() => ring.read(0, 3)).toThrow(/only 1 to 5 is held/);
    expect(() => ring.read(2, 6)).toThrow(/is held/);
    expect(() => ring.read(3, 2)).toThrow(/is held/);
    expect(() => new SampleRing(0)).toThrow(/cannot hold/);
  });
});

describe('rmsDb', () => {
  it('knows full scale and silence', () => {
    expect(rmsDb(Float32Array.of(1, -1, 1, -1))).toBeCloseTo(0);
    expect(rmsDb(Float32Array.of(0.1, -0.1))).toBeCloseTo(-20);
    expect(rmsDb(new Float32Array(10))).toBe(floorDb);
    expect(rmsDb(new Float32Array(0))).toBe(floorDb);
  });
});
