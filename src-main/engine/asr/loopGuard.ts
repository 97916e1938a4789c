/**
 * Notices a decoder that repeats itself.
 *
 * On noise, music or a cut word an attention decoder can fall into a cycle and talk until its limit, which
 * costs seconds and puts rubbish into the transcript. The rule: a cycle is cut back to its first round, and
 * no audio yields more tokens than anyone can say. Worst case: someone who says one short word seven times
 * in a row is written down with fewer.
 */

/** A speaker does not exceed about 6.5 of Moonshine's tokens a second (FACTS 3); more is a loop. */
const maxTokensPerSecond = 6.5;

/** Short utterances are dense ("Yes, sir!"): some tokens are always allowed. */
const freeTokens = 6;

export function maxTokens(audioSamples: number, rateHz: number): number {
  return freeTokens + Math.ceil((audioSamples / rateHz) * maxTokensPerSecond);
}

/**
 * Rounds of a cycle of n tokens that make it a loop. People do say "no, no, no, no" (n = 1 or 2), hardly a
 * phrase of four tokens three times over.
 */
function roundsThatLoop(cycleTokens: number): number {
  if (cycleTokens <= 1) return 7;
  return cycleTokens <= 3 ? 5 : 3;
}

/** Longest phrase whose repetition is looked for, in tokens: about a sentence. */
const maxCycleTokens = 16;

/** Length to which `tokens` is to be cut because its end is a loop, or undefined where it is none. */
export function loopStart(tokens: readonly number[]): number | undefined {
  for (let cycle = 1; cycle <= maxCycleTokens; cycle++) {
    const rounds = roundsThatLoop(cycle);
    const span = cycle * rounds;
    if (span > tokens.length) continue;
    const from = tokens.length - span;
    let same = true;
    for (let i = from + cycle; i < tokens.length && same; i++) same = tokens[i] === tokens[i - cycle];
    if (same) return from + cycle;
  }
  return undefined;
}
