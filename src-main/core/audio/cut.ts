/**
 * Where a long stretch of speech is cut into segments.
 *
 * A recogniser's cost and its errors grow with length, and a cut in mid-word spoils two words. The rule: the
 * longer a segment already is, the shorter the pause that ends it; at the limit it is cut in the longest
 * pause there was, and only where there was none at the quietest moment. Pure: positions in, position out.
 * Worst case: someone speaks for the whole limit without a breath, and a cut may fall into a word.
 */

/** A pause inside a segment: its silent range in samples. */
export interface Pause {
  readonly start: number;
  readonly end: number;
}

export interface CutConfig {
  readonly rateHz: number;
  /** Never longer than this; Moonshine was trained on up to 30 s and is best well below (paper, section 3). */
  readonly maxMs: number;
  /** A cut never leaves less than this before it. */
  readonly minMs: number;
  /** [segment length, pause that ends it], both in ms, by falling pause; the first that fits decides. */
  readonly ladder: readonly (readonly [lengthMs: number, pauseMs: number])[];
}

/** For a recording: the listener gets settled text early. */
export const fileCuts: CutConfig = {
  rateHz: 16_000,
  maxMs: 18_000,
  minMs: 1_000,
  ladder: [
    [0, 1_500],
    [3_000, 700],
    [7_000, 450],
    [11_000, 250],
    [14_000, 160],
  ],
};

/** For a held key: a sentence with a pause for thought stays whole, so that it is written as one. */
export const holdCuts: CutConfig = {
  ...fileCuts,
  ladder: [
    [0, 2_500],
    [6_000, 900],
    [10_000, 450],
    [13_000, 250],
  ],
};

/** Whether the silence that has lasted `silenceSamples` ends a segment of `lengthSamples` (pause left out). */
export function endsSegment(lengthSamples: number, silenceSamples: number, config: CutConfig): boolean {
  const perMs = config.rateHz / 1000;
  return config.ladder.some(
    ([lengthMs, pauseMs]) => lengthSamples >= lengthMs * perMs && silenceSamples >= pauseMs * perMs,
  );
}

/**
 * Where to cut a segment [start, end) that has reached the limit: the middle of its longest pause (the later
 * one of equals), else undefined, when the caller must look for the quietest moment.
 */
export function longestPauseCut(
  start: number,
  pauses: readonly Pause[],
  config: CutConfig,
): number | undefined {
  const earliest = start + (config.minMs * config.rateHz) / 1000;
  let best: Pause | undefined;
  for (const pause of pauses) {
    if (pause.start < earliest) continue;
    if (best === undefined || pause.end - pause.start >= best.end - best.start) best = pause;
  }
  return best === undefined ? undefined : Math.round((best.start + best.end) / 2);
}

/** Middle of the quietest run of frames among `framesDb`, frame 0 starting at `start`. */
export function quietestCut(
  framesDb: readonly number[],
  start: number,
  frameSamples: number,
  runFrames: number,
): number {
  let bestAt = 0;
  let bestDb = Number.POSITIVE_INFINITY;
  for (let at = 0; at + runFrames <= framesDb.length; at++) {
    let sum = 0;
    for (let i = at; i < at + runFrames; i++) sum += framesDb[i] ?? 0;
    if (sum < bestDb) {
      bestDb = sum;
      bestAt = at;
    }
  }
  return start + Math.round((bestAt + runFrames / 2) * frameSamples);
}
