/**
 * Speech faster or slower at the same pitch, as a stream.
 *
 * A voice model asked to speak fast swallows words; playing faster raises the pitch. The rule (WSOLA,
 * Verhelst & Roelands 1993): every 10 ms of output overlap-adds the stretch of input near the wanted place
 * that best continues what was last put out, so whole pitch periods are left out or repeated. Worst case:
 * at 6x some plosives fall between two frames.
 */
/** Half a window; 10 ms holds one period of a 100 Hz voice. */
const hopSeconds = 0.01;
/** Search to either side; together one period of the lowest voice, 67 Hz. */
const searchSeconds = 0.0075;

export const minSpeed = 0.5;
export const maxSpeed = 6;

export class TimeStretcher {
  private readonly hop: number;
  private readonly search: number;
  private readonly fade: Float32Array;
  private input = new Float32Array(0);
  /** Input sample index of input[0]. */
  private inputStart = 0;
  private inputEnd = 0;
  /** Where the last frame was taken from; -1 before the first. */
  private lastFrame = -1;
  private wanted = 0;
  private outputEnd = 0;
  /** Pairs of equal moments, growing in both. */
  private readonly mapInput: number[] = [0];
  private readonly mapOutput: number[] = [0];

  /** `speed` above 1 is faster; it may be changed between any two calls of `push`. */
  constructor(
    rateHz: number,
    public speed: number,
  ) {
    this.hop = Math.round(rateHz * hopSeconds);
    this.search = Math.round(rateHz * searchSeconds);
    this.fade = Float32Array.from(
      { length: this.hop },
      (_, i) => 0.5 - 0.5 * Math.cos((Math.PI * (i + 0.5)) / this.hop),
    );
  }

  /** Takes samples in, gives back what is ready. */
  push(pcm: Float32Array): Float32Array {
    this.append(pcm);
    return this.drain(false);
  }

  /** The tail. The stretcher is spent afterwards. */
  finish(): Float32Array {
    return this.drain(true);
  }

  /** Output sample of an input sample that went in; exact at frame borders, linear between. */
  outputAt(inputSample: number): number {
    let low = 0;
    let high = this.mapInput.length - 1;
    if (inputSample >= (this.mapInput[high] ?? 0)) {
      const beyond = (inputSample - (this.mapInput[high] ?? 0)) / this.speed;
      return Math.round((this.mapOutput[high] ?? 0) + beyond);
    }
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.mapInput[middle] ?? 0) <= inputSample) low = middle;
      else high = middle;
    }
    const in0 = this.mapInput[low] ?? 0;
    const in1 = this.mapInput[high] ?? in0;
    const out0 = this.mapOutput[low] ?? 0;
    const share = in1 > in0 ? (inputSample - in0) / (in1 - in0) : 0;
    return Math.round(out0 + share * ((this.mapOutput[high] ?? out0) - out0));
  }

  private append(pcm: Float32Array): void {
    const needed = Math.max(0, Math.min(this.lastFrame, Math.floor(this.wanted) - this.search));
    const drop = Math.min(Math.max(0, needed - this.inputStart), this.input.length);
    const kept = this.input.length - drop;
    const next = new Float32Array(kept + pcm.length);
    next.set(this.input.subarray(drop));
    next.set(pcm, kept);
    this.input = next;
    this.inputStart += drop;
    this.inputEnd += pcm.length;
  }

  private drain(last: boolean): Float32Array {
    const frames: Float32Array[] = [];
    const lookahead = last ? 0 : this.search + 2 * this.hop;
    while (this.wanted + lookahead < this.inputEnd && this.lastFrame + lookahead < this.inputEnd) {
      frames.push(this.frame());
    }
    const out = new Float32Array(frames.length * this.hop);
    frames.forEach((frame, i) => {
      out.set(frame, i * this.hop);
    });
    return out;
  }

  /** One hop of output: the last frame's continuation fades out, the best next frame fades in. */
  private frame(): Float32Array {
    const out = new Float32Array(this.hop);
    const wanted = Math.round(this.wanted);
    const follow = this.lastFrame < 0 ? wanted : this.lastFrame + this.hop;
    const start = this.lastFrame < 0 ? wanted : this.bestNear(wanted, follow);
    for (let i = 0; i < this.hop; i++) {
      const rise = this.fade[i] ?? 0;
      out[i] = rise * this.at(start + i) + (1 - rise) * this.at(follow + i);
    }
    this.lastFrame = start;
    this.mapInput.push(Math.max(wanted, this.mapInput.at(-1) ?? 0));
    this.mapOutput.push(this.outputEnd);
    this.outputEnd += this.hop;
    this.wanted += this.hop * this.speed;
    return out;
  }

  /** Start, near `wanted`, of the input most like the input at `follow`. */
  private bestNear(wanted: number, follow: number): number {
    if (Math.abs(wanted - follow) <= 1 && this.speed === 1) return follow;
    let best = wanted;
    let bestLikeness = Number.NEGATIVE_INFINITY;
    const score = (start: number, step: number): void => {
      let product = 0;
      let energy = 1e-9;
      for (let i = 0; i < this.hop; i += step) {
        const sample = this.at(start + i);
        product += sample * this.at(follow + i);
        energy += sample * sample;
      }
      const likeness = product / Math.sqrt(energy);
      if (likeness > bestLikeness) {
        bestLikeness = likeness;
        best = start;
      }
    };
    const from = Math.max(0, wanted - this.search);
    for (let start = from; start <= wanted + this.search; start += 4) score(start, 2);
    const coarse = best;
    bestLikeness = Number.NEGATIVE_INFINITY;
    for (let start = Math.max(0, coarse - 4); start <= coarse + 4; start++) score(start, 1);
    return best;
  }

  private at(index: number): number {
    return this.input[index - this.inputStart] ?? 0;
  }
}
