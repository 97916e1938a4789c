import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { argmax, sample, seededRandom } from '../../src-main/core/sampling.ts';

const logits = (): Float32Array => Float32Array.of(1, 4, 2, 3, -1);

describe('sampling', () => {
  it('takes the largest at temperature 0, the first of equals', () => {
    expect(sample(logits(), [], { temperature: 0 }, Math.random)).toBe(1);
    expect(argmax(Float32Array.of(2, 5, 5))).toBe(1);
  });

  it('draws what the probabilities say', () => {
    const random = seededRandom(3);
    const counts = [0, 0];
    const options = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
    for (let i = 0; i < 20_000; i += 1) {
      const token = sample(Float32Array.of(Math.log(3), 0), [], options, random);
      counts[token] = (counts[token] ?? 0) + 1;
    }
    expect((counts[0] ?? 0) / 20_000).toBeCloseTo(0.75, 1);
  });

  it.each([
    ['topK', { topK: 2, topP: 1, minP: 0 }, [1, 3]],
    ['topP', { topK: 0, topP: 0.6, minP: 0 }, [1]],
    ['minP', { topK: 0, topP: 1, minP: 0.3 }, [1, 3]],
    ['none', { topK: 0, topP: 1, minP: 0 }, [0, 1, 2, 3, 4]],
  ])('%s keeps just what it says', (_, options, allowed) => {
    const random = seededRandom(9);
    const seen = new Set<number>();
    for (let i = 0; i < 4000; i += 1)
      seen.add(sample(logits(), [], { temperature: 1, repetitionPenalty: 1, ...options }, random));
    expect([...seen].sort()).toEqual(allowed);
  });

  it('makes repetition less likely, whatever the sign of the logit', () => {
    const penalised = Float32Array.of(2, -2, 1.9, -2.1);
    sample(penalised, [0, 1], { temperature: 0, repetitionPenalty: 2 }, Math.random);
    expect([...penalised].map((value) => Math.round(value * 10) / 10)).toEqual([1, -4, 1.9, -2.1]);
  });

  it('looks back 64 tokens and no further', () => {
    const recent = [0, ...Array.from({ length: 64 }, () => 1)];
    expect(
      sample(Float32Array.of(2, 1, 1.9), recent, { temperature: 0, repetitionPenalty: 2 }, Math.random),
    ).toBe(0);
  });

  it('always gives a token of the vocabulary, even from strange options', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 60 }),
        fc.record({
          temperature: fc.double({ min: 0, max: 5, noNaN: true }),
          topK: fc.integer({ min: -1, max: 100 }),
          topP: fc.double({ min: 0, max: 1, noNaN: true }),
          minP: fc.double({ min: 0, max: 1, noNaN: true }),
        }),
        fc.integer(),
        (values, options, seed) => {
          const token = sample(Float32Array.from(values), [0, 5], options, seededRandom(seed));
          expect(token).toBeGreaterThanOrEqual(0);
          expect(token).toBeLessThan(values.length);
        },
      ),
      { seed: 1 },
    );
  });

  it('repeats itself for one seed', () => {
    const draw = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 20 }, () => sample(logits(), [], { temperature: 1 }, random));
    };
    expect(draw(4)).toEqual(draw(4));
    expect(draw(4)).not.toEqual(draw(5));
  });
});
