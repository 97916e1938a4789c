/**
 * Loudness of a block.
 *
 * Meters, endpointing and trimming each need "how loud", and each getting its own formula makes their
 * thresholds incomparable. The rule: decibels relative to full scale, never below the floor, so that digital
 * silence is a number and not -Infinity.
 */

/** Below the quantisation noise of 16-bit audio (-98 dBFS), so nothing real is lost. */
export const floorDb = -100;

/** Mean square of samples [from, to). 0 for an empty range. */
export function meanSquare(pcm: Float32Array, from = 0, to = pcm.length): number {
  let sum = 0;
  for (let i = from; i < to; i++) {
    const sample = pcm[i] ?? 0;
    sum += sample * sample;
  }
  return to > from ? sum / (to - from) : 0;
}

/** RMS level of samples [from, to) in dBFS; a full-scale square wave is 0, a full-scale sine -3. */
export function rmsDb(pcm: Float32Array, from = 0, to = pcm.length): number {
  const power = meanSquare(pcm, from, to);
  return power > 1e-10 ? 10 * Math.log10(power) : floorDb;
}

/** Largest magnitude in the block. */
export function peak(pcm: Float32Array): number {
  let max = 0;
  for (const sample of pcm) max = Math.max(max, Math.abs(sample));
  return max;
}

/** 10^(db/20). */
export function dbToGain(db: number): number {
  return 10 ** (db / 20);
}
