/**
 * Recent audio by absolute position.
 *
 * Without it a recogniser either keeps a whole recording in memory or loses the first syllable, which lies
 * before the moment speech was noticed. The rule: position 0 is the first sample ever written, positions
 * never wrap, and what has been overwritten is refused rather than returned as something else.
 * Worst case: a read of samples that are gone throws; the caller chose too small a capacity.
 */
import { SottoError } from '../../contract/errors.ts';

export class SampleRing {
  readonly capacitySamples: number;
  readonly #data: Float32Array;
  #end = 0;

  /** Holds the last `capacitySamples` samples (a positive integer). */
  constructor(capacitySamples: number) {
    if (!Number.isInteger(capacitySamples) || capacitySamples <= 0) {
      throw new SottoError(`An audio ring cannot hold ${capacitySamples} samples.`, {
        code: 'bad-argument',
        stage: 'asr',
      });
    }
    this.capacitySamples = capacitySamples;
    this.#data = new Float32Array(capacitySamples);
  }

  /** Position of the oldest sample still held. */
  get start(): number {
    return Math.max(0, this.#end - this.capacitySamples);
  }

  /** Position one past the newest sample: how many were ever written. */
  get end(): number {
    return this.#end;
  }

  /** Appends samples; of a block longer than the ring only the last part stays, but positions count all. */
  write(block: Float32Array): void {
    const kept =
      block.length > this.capacitySamples ? block.subarray(block.length - this.capacitySamples) : block;
    const at = (this.#end + block.length - kept.length) % this.capacitySamples;
    const head = Math.min(kept.length, this.capacitySamples - at);
    this.#data.set(kept.subarray(0, head), at);
    this.#data.set(kept.subarray(head), 0);
    this.#end += block.length;
  }

  /**
   * Copies samples [from, to) into a new array. Positions before 0 read as silence (a pre-roll that reaches
   * back past the beginning), anything overwritten or not yet written throws.
   */
  read(from: number, to: number): Float32Array {
    if (to > this.#end || to < from || (from < this.start && this.start > 0)) {
      throw new SottoError(
        `Audio from sample ${from} to ${to} was asked for, but only ${this.start} to ${this.#end} is held.`,
        { code: 'internal', stage: 'asr' },
      );
    }
    const out = new Float32Array(to - from);
    const first = Math.max(0, from);
    const lengthSamples = to - first;
    if (lengthSamples <= 0) return out;
    const at = first % this.capacitySamples;
    const head = Math.min(lengthSamples, this.capacitySamples - at);
    out.set(this.#data.subarray(at, at + head), first - from);
    out.set(this.#data.subarray(0, lengthSamples - head), first - from + head);
    return out;
  }
}
