/**
 * Changes the sample rate of a stream.
 *
 * Dropping or repeating samples folds what lies above the new Nyquist frequency into the speech band, where a
 * recogniser hears it as consonants. The rule: a windowed-sinc low-pass, evaluated only at the output's
 * instants (polyphase); output sample n stands for the instant n / outRateHz whatever the block sizes, and as
 * many come out as the duration holds. Linear phase, the delay is taken out.
 *
 * Pass-band to 0.84 of the lower Nyquist frequency, stop-band of 80 dB from it on (Kaiser window, 32 zero
 * crossings a side; Kaiser 1974: transition = (A - 8) / (2.285 N)). 44.1 kHz to 16 kHz costs about 5 ms a
 * second of audio. Worst case: rates with no small common ratio take 512 phases and interpolate between them
 * (error below -100 dB).
 */
import { SottoError } from '../../contract/errors.ts';

const zeroCrossings = 32;
const stopBandDb = 80;
/** Kaiser: 0.1102 (A - 8.7) for A > 50. */
const kaiserBeta = 0.1102 * (stopBandDb - 8.7);
/** Middle of the transition, relative to the lower Nyquist frequency; its end then lies on it. */
const cutoff = 1 - (stopBandDb - 8) / (2.285 * 2 * zeroCrossings) / Math.PI / 2;
const maxPhases = 512;

export class Resampler {
  readonly inRateHz: number;
  readonly outRateHz: number;
  /** Output step in input samples is `#step / #unit`. */
  readonly #step: number;
  readonly #unit: number;
  readonly #phases: number;
  /** Filter taps a side. */
  readonly #half: number;
  /** [phases + 1, 2 * half]: row p weighs the inputs around an instant p / phases after an input sample. */
  readonly #table: Float32Array;
  #held: Float32Array = new Float32Array(0);
  /** Input position of the first held sample. */
  #heldStart: number;
  /** Next output instant: input position and remainder in 1 / #unit. */
  #at = 0;
  #remainder = 0;
  #inSamples = 0;
  #outSamples = 0;

  /** Rates are positive integers in Hz. */
  constructor(inRateHz: number, outRateHz: number) {
    if (!isRate(inRateHz) || !isRate(outRateHz)) {
      throw new SottoError(`Audio cannot be converted from ${inRateHz} Hz to ${outRateHz} Hz.`, {
        code: 'bad-argument',
        stage: 'device',
      });
    }
    this.inRateHz = inRateHz;
    this.outRateHz = outRateHz;
    const divisor = gcd(inRateHz, outRateHz);
    this.#step = inRateHz / divisor;
    this.#unit = outRateHz / divisor;
    this.#phases = Math.min(this.#unit, maxPhases);
    const scale = Math.min(1, outRateHz / inRateHz) * cutoff;
    this.#half = inRateHz === outRateHz ? 0 : Math.ceil(zeroCrossings / scale);
    this.#table = filterTable(this.#half, this.#phases, scale);
    this.#held = new Float32Array(this.#half);
    this.#heldStart = -this.#half;
  }

  /** Takes the next block and returns the output that it completes (a new array, possibly empty). */
  push(block: Float32Array): Float32Array {
    this.#inSamples += block.length;
    if (this.#half === 0) return block.slice();
    return this.#produce(block, Number.POSITIVE_INFINITY);
  }

  /** The end of the stream: what still lies in the filter. The total is then duration × outRateHz, rounded. */
  flush(): Float32Array {
    if (this.#half === 0) return new Float32Array(0);
    const total = Math.round((this.#inSamples * this.outRateHz) / this.inRateHz);
    return this.#produce(new Float32Array(2 * this.#half), total);
  }

  #produce(block: Float32Array, totalLimit: number): Float32Array {
    const half = this.#half;
    const input = new Float32Array(this.#held.length + block.length);
    input.set(this.#held);
    input.set(block, this.#held.length);
    const end = this.#heldStart + input.length;
    const room = Math.max(0, Math.ceil(((end - half - this.#at) * this.#unit) / this.#step) + 1);
    const out = new Float32Array(Math.min(room, Math.max(0, totalLimit - this.#outSamples)));
    let made = 0;
    while (made < out.length && this.#at + half < end) {
      out[made++] = this.#sampleAt(input, this.#at - this.#heldStart - half + 1);
      this.#remainder += this.#step;
      const whole = Math.floor(this.#remainder / this.#unit);
      this.#at += whole;
      this.#remainder -= whole * this.#unit;
    }
    this.#outSamples += made;
    const keepFrom = Math.min(input.length, Math.max(0, this.#at - half - this.#heldStart));
    this.#held = input.slice(keepFrom);
    this.#heldStart += keepFrom;
    return made === out.length ? out : out.slice(0, made);
  }

  /** Value at the current instant; `from` is the index of the first input that the filter covers. */
  #sampleAt(input: Float32Array, from: number): number {
    const taps = 2 * this.#half;
    const position = (this.#remainder / this.#unit) * this.#phases;
    const phase = Math.floor(position);
    const low = this.#dot(input, from, phase * taps, taps);
    const between = position - phase;
    if (between < 1e-9) return low;
    return low + between * (this.#dot(input, from, (phase + 1) * taps, taps) - low);
  }

  #dot(input: Float32Array, from: number, row: number, taps: number): number {
    const table = this.#table;
    let sum = 0;
    // Indices are inside by construction; the casts keep the loop free of checks (4 million products a second).
    for (let tap = 0; tap < taps; tap++) sum += (input[from + tap] as number) * (table[row + tap] as number);
    return sum;
  }
}

/** A stream of blocks at another rate. */
export async function* resampled(
  blocks: AsyncIterable<Float32Array>,
  inRateHz: number,
  outRateHz: number,
): AsyncGenerator<Float32Array> {
  const resampler = new Resampler(inRateHz, outRateHz);
  for await (const block of blocks) {
    const out = resampler.push(block);
    if (out.length > 0) yield out;
  }
  const rest = resampler.flush();
  if (rest.length > 0) yield rest;
}

/** A whole recording at another rate. */
export function resample(pcm: Float32Array, inRateHz: number, outRateHz: number): Float32Array {
  const resampler = new Resampler(inRateHz, outRateHz);
  const head = resampler.push(pcm);
  const tail = resampler.flush();
  const out = new Float32Array(head.length + tail.length);
  out.set(head);
  out.set(tail, head.length);
  return out;
}

function filterTable(half: number, phases: number, scale: number): Float32Array {
  const taps = 2 * half;
  const table = new Float32Array((phases + 1) * taps);
  const norm = besselI0(kaiserBeta);
  for (let phase = 0; phase <= phases && half > 0; phase++) {
    let sum = 0;
    const row = table.subarray(phase * taps, (phase + 1) * taps);
    for (let tap = 0; tap < taps; tap++) {
      const distance = tap - half + 1 - phase / phases; // in input samples
      const x = distance * scale;
      const edge = distance / half;
      const window = Math.abs(edge) < 1 ? besselI0(kaiserBeta * Math.sqrt(1 - edge * edge)) / norm : 0;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      row[tap] = sinc * window;
      sum += sinc * window;
    }
    for (let tap = 0; tap < taps; tap++) row[tap] = (row[tap] ?? 0) / sum; // unit gain at 0 Hz in every phase
  }
  return table;
}

/** Modified Bessel function of the first kind, order 0: its power series. */
function besselI0(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function isRate(rateHz: number): boolean {
  return Number.isInteger(rateHz) && rateHz > 0 && rateHz <= 768_000;
}
