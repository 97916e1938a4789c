import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Resampler, resample } from '../../src-main/core/audio/resample.ts';

function sine(hz: number, rateHz: number, samples: number): Float32Array {
  return Float32Array.from({ length: samples }, (_, n) => 0.5 * Math.sin((2 * Math.PI * hz * n) / rateHz));
}

/** Power of the difference to the ideal sine against its own, in dB, away from the ends. */
function noiseDb(out: Float32Array, hz: number, rateHz: number): number {
  const ideal = sine(hz, rateHz, out.length);
  const edge = Math.round(rateHz * 0.02);
  let noise = 0;
  let signal = 0;
  for (let n = edge; n < out.length - edge; n++) {
    noise += ((out[n] ?? 0) - (ideal[n] ?? 0)) ** 2;
    signal += (ideal[n] ?? 0) ** 2;
  }
  return 10 * Math.log10(noise / signal);
}

function rms(pcm: Float32Array): number {
  const inner = pcm.subarray(Math.round(pcm.length * 0.1), Math.round(pcm.length * 0.9));
  return Math.sqrt(inner.reduce((sum, x) => sum + x * x, 0) / inner.length);
}

const rates: readonly (readonly [number, number])[] = [
  [8_000, 16_000],
  [11_025, 16_000],
  [22_050, 16_000],
  [32_000, 16_000],
  [44_100, 16_000],
  [48_000, 16_000],
  [96_000, 16_000],
  [192_000, 16_000],
  [47_999, 16_000],
  [16_000, 22_050],
  [16_000, 24_000],
  [16_000, 48_000],
  [22_050, 48_000],
  [24_000, 44_100],
];

describe('Resampler', () => {
  it.each(rates)('%i Hz to %i Hz keeps a tone in the pass-band, in place and in level', (inHz, outHz) => {
    const lower = Math.min(inHz, outHz);
    for (const hz of [lower * 0.02, lower * 0.2, lower * 0.4]) {
      const out = resample(sine(hz, inHz, Math.round(inHz * 0.4)), inHz, outHz);
      expect(noiseDb(out, hz, outHz)).toBeLessThan(-70);
    }
  });

  it.each(rates.filter(([inHz, outHz]) => inHz > outHz * 1.2))(
    '%i Hz to %i Hz takes away by 75 dB what would fold back',
    (inHz, outHz) => {
      for (const hz of [outHz * 0.51, Math.min(outHz * 0.9, inHz * 0.49)]) {
        const out = resample(sine(hz, inHz, Math.round(inHz * 0.4)), inHz, outHz);
        expect(20 * Math.log10(rms(out) / rms(sine(hz, inHz, inHz)))).toBeLessThan(-75);
      }
    },
  );

  it('gives the same samples however the input is sliced, and as many as the duration holds', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...rates),
        fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 12 }),
        ([inHz, outHz], sizes) => {
          const total = sizes.reduce((sum, size) => sum + size, 0);
          const pcm = sine(440, inHz, total);
          const whole = resample(pcm, inHz, outHz);
          const resampler = new Resampler(inHz, outHz);
          const parts: number[] = [];
          let at = 0;
          for (const size of sizes) {
            parts.push(...resampler.push(pcm.subarray(at, at + size)));
            at += size;
          }
          parts.push(...resampler.flush());
          expect(whole).toHaveLength(Math.round((total * outHz) / inHz));
          expect(Float32Array.from(parts)).toEqual(whole);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('holds no more than its filter between blocks', () => {
    const resampler = new Resampler(48_000, 16_000);
    let out = 0;
    for (let i = 0; i < 1_000; i++) out += resampler.push(new Float32Array(480)).length;
    expect(160_000 - out).toBeLessThan(100);
  });

  it('passes equal rates through untouched', () => {
    const pcm = sine(1_000, 16_000, 100);
    expect(resample(pcm, 16_000, 16_000)).toEqual(pcm);
  });

  it.each([0, -1, 1.5, Number.NaN, 1e9])('refuses a rate of %d', (rateHz) => {
    expect(() => new Resampler(rateHz, 16_000)).toThrow(/cannot be converted/);
  });
});
