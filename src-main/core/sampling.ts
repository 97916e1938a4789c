/**
 * Drawing the next token from logits.
 *
 * Order: repetition penalty, top-k, temperature, top-p, min-p, draw; as in llama.cpp's default chain, so
 * that settings people bring along mean the same here. Randomness is passed in.
 */
import type { SamplingOptions } from '../contract/domain.ts';

/** Tokens the repetition penalty looks back at (llama.cpp's default). */
export const PENALTY_WINDOW = 64;

export const DEFAULT_SAMPLING = {
  temperature: 0.7,
  topK: 40,
  topP: 0.95,
  minP: 0.05,
  repetitionPenalty: 1.1,
} as const;

/** Uniform numbers in [0, 1). */
export type Random = () => number;

/** Mulberry32: small, fast, good enough to draw tokens, and the same on every machine for one seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Index of the largest value; the lowest index wins a tie. */
export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if ((values[i] as number) > (values[best] as number)) best = i;
  return best;
}

function penalise(logits: Float32Array, recent: readonly number[], penalty: number): void {
  if (penalty === 1) return;
  const seen = new Set(recent.slice(-PENALTY_WINDOW));
  for (const token of seen) {
    const value = logits[token];
    if (value !== undefined) logits[token] = value > 0 ? value / penalty : value * penalty;
  }
}

interface Candidate {
  readonly token: number;
  readonly logit: number;
}

/** The k largest, in falling order: one pass with a small sorted list, no sort of 50,000 values. */
function largest(logits: Float32Array, k: number): Candidate[] {
  if (k <= 0 || k >= logits.length) {
    return Array.from(logits, (logit, token) => ({ token, logit })).sort((a, b) => b.logit - a.logit);
  }
  const kept: Candidate[] = [];
  let floor = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < logits.length; token += 1) {
    const logit = logits[token] as number;
    if (kept.length === k && logit <= floor) continue;
    let at = kept.length;
    while (at > 0 && (kept[at - 1] as Candidate).logit < logit) at -= 1;
    kept.splice(at, 0, { token, logit });
    if (kept.length > k) kept.pop();
    if (kept.length === k) floor = (kept[k - 1] as Candidate).logit;
  }
  return kept;
}

/**
 * Draws a token.
 *
 * @param logits [vocabulary]; changed in place by the penalty
 * @param recent tokens so far, oldest first
 */
export function sample(
  logits: Float32Array,
  recent: readonly number[],
  options: SamplingOptions,
  random: Random,
): number {
  const temperature = options.temperature ?? DEFAULT_SAMPLING.temperature;
  penalise(logits, recent, options.repetitionPenalty ?? DEFAULT_SAMPLING.repetitionPenalty);
  if (temperature <= 0) return argmax(logits);
  const candidates = largest(logits, options.topK ?? DEFAULT_SAMPLING.topK);
  const top = candidates[0]?.logit ?? 0;
  const weights = candidates.map(({ logit }) => Math.exp((logit - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kept = keepLikely(
    weights,
    total,
    options.topP ?? DEFAULT_SAMPLING.topP,
    options.minP ?? DEFAULT_SAMPLING.minP,
  );
  let rest = random() * weights.slice(0, kept).reduce((sum, weight) => sum + weight, 0);
  for (let i = 0; i < kept; i += 1) {
    rest -= weights[i] as number;
    if (rest < 0) return (candidates[i] as Candidate).token;
  }
  return (candidates[kept - 1] as Candidate).token;
}

/** How many of the falling weights survive top-p and min-p; at least one. */
function keepLikely(weights: readonly number[], total: number, topP: number, minP: number): number {
  const floor = (weights[0] ?? 0) * minP;
  let sum = 0;
  for (let i = 0; i < weights.length; i += 1) {
    const weight = weights[i] as number;
    if (i > 0 && weight < floor) return i;
    sum += weight;
    if (sum >= topP * total) return i + 1;
  }
  return weights.length;
}
