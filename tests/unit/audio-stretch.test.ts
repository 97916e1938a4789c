import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxSpeed, minSpeed, TimeStretcher } from '../../src-main/core/audio/stretch.ts';

const RATE_HZ = 22_050;

/** A voiced sound: twelve falling harmonics of one pitch, swelling four times a second like syllables. */
function voiced(pitchHz: number, seconds: number): Float32Array {
  return Float32Array.from({ length: Math.round(seconds * RATE_HZ) }, (_, i) => {
    const t = i / RATE_HZ;
    let sample = 0;
    for (let k = 1; k <= 12; k++) sample += Math.sin(2 * Math.PI * k * pitchHz * t + k) / k;
    return 0.15 * sample * (0.6 + 0.4 * Math.sin(2 * Math.PI * 4 * t));
  });
}

function stretch(pcm: Float32Array, speed: number, block = pcm.length): Float32Array {
  const stretcher = new TimeStretcher(RATE_HZ, speed);
  const parts: Float32Array[] = [];
  for (let at = 0; at < pcm.length; at += block) parts.push(stretcher.push(pcm.slice(at, at + block)));
  parts.push(stretcher.finish());
  return Float32Array.from(parts.flatMap((part) => [...part]));
}

/** Pitch of the middle second by the best autocorrelation between 60 and 400 Hz. */
function pitchOf(pcm: Float32Array): number {
  const length = Math.min(Math.floor(pcm.length / 2), RATE_HZ / 2);
  const from = Math.floor((pcm.length - length) / 2);
  let best = 0;
  let bestLag = 1;
  for (let lag = Math.floor(RATE_HZ / 400); lag <= RATE_HZ / 60; lag++) {
    let sum = 0;
    let energy = 1e-9;
    for (let i = from + lag; i < from + length; i++) {
      sum += (pcm[i] as number) * (pcm[i - lag] as number);
      energy += (pcm[i] as number) ** 2 + (pcm[i - lag] as number) ** 2;
    }
    // A lag of two periods fits as well as one: the shorter of equals counts.
    if ((2 * sum) / energy > best + 0.02) {
      best = (2 * sum) / energy;
      bestLag = lag;
    }
  }
  return RATE_HZ / bestLag;
}

const rms = (pcm: Float32Array): number =>
  Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(1, pcm.length));

describe('speech at another speed', () => {
  const cases = [110, 210].flatMap((pitchHz) =>
    [0.5, 0.8, 1, 1.5, 2, 3, 4, 6].map((speed) => ({ pitchHz, speed })),
  );
  it.each(cases)('keeps a pitch of $pitchHz Hz and the loudness at speed $speed', ({ pitchHz, speed }) => {
    const input = voiced(pitchHz, 6);
    const output = stretch(input, speed);
    expect(output.length / (input.length / speed)).toBeGreaterThan(0.97);
    expect(output.length / (input.length / speed)).toBeLessThan(1.03);
    expect(Math.abs(pitchOf(output) - pitchHz) / pitchHz).toBeLessThan(0.03);
    expect(rms(output) / rms(input)).toBeGreaterThan(0.85);
    expect(rms(output) / rms(input)).toBeLessThan(1.15);
  });

  it('is the same however the audio is cut', () => {
    const input = voiced(140, 1);
    fc.assert(
      fc.property(
        fc.double({ min: minSpeed, max: maxSpeed, noNaN: true }),
        fc.integer({ min: 50, max: 9000 }),
        (speed, block) => {
          expect(stretch(input, speed, block)).toEqual(stretch(input, speed));
        },
      ),
      { numRuns: 15 },
    );
  });

  it('leaves audio at speed 1 as it is, but for the cross-fades of equal frames', () => {
    const input = voiced(160, 1);
    const output = stretch(input, 1);
    const worst = output.reduce((most, sample, i) => Math.max(most, Math.abs(sample - (input[i] ?? 0))), 0);
    expect(worst).toBeLessThan(1e-5);
  });

  it('tells where an input sample went, never backwards, also when the speed changes', () => {
    const stretcher = new TimeStretcher(RATE_HZ, 1);
    let made = 0;
    for (const speed of [1, 3, 0.5, 6]) {
      stretcher.speed = speed;
      made += stretcher.push(voiced(120, 1)).length;
    }
    made += stretcher.finish().length;
    let before = 0;
    for (let at = 0; at <= 4 * RATE_HZ; at += 500) {
      const out = stretcher.outputAt(at);
      expect(out).toBeGreaterThanOrEqual(before);
      before = out;
    }
    expect(before).toBeLessThanOrEqual(made);
    // One second at each speed.
    const seconds = 1 + 1 / 3 + 2 + 1 / 6;
    expect(made / RATE_HZ / seconds).toBeGreaterThan(0.95);
    expect(made / RATE_HZ / seconds).toBeLessThan(1.05);
  });
});
