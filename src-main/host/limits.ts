/** Time and volume limits of the process boundary; the reasons are what a user would notice. */

export interface LeafLimits {
  /** How often an open request's leaf is asked for a sign of life. */
  readonly pingEveryMs: number;
  /**
   * Silence after which a leaf with an open request counts as hung. A single inference run stays under
   * 250 ms by rule; more than five times that still ends a request well within two seconds.
   */
  readonly hungAfterMs: number;
  /** The same while a model loads: session creation blocks the leaf for seconds. */
  readonly loadHungAfterMs: number;
  /** From fork to the leaf's `ready`. */
  readonly readyWithinMs: number;
  /** A cancelled request that has not ended by then costs the leaf its life. */
  readonly cancelWithinMs: number;
  /** Events of one leaf in one second beyond which it is taken to be out of control. */
  readonly eventsPerSecond: number;
  /** Crashes in a row that open the breaker. */
  readonly crashesInARow: number;
  /** The breaker closes by itself after this, for one more try. */
  readonly breakerCoolDownMs: number;
  /** With no open request for this long the leaf is unloaded; 0 keeps it. */
  readonly idleUnloadMs: number;
}

export const DEFAULT_LIMITS: LeafLimits = {
  pingEveryMs: 200,
  hungAfterMs: 1400,
  loadHungAfterMs: 120_000,
  readyWithinMs: 10_000,
  cancelWithinMs: 1500,
  eventsPerSecond: 2000,
  crashesInARow: 3,
  breakerCoolDownMs: 30_000,
  idleUnloadMs: 0,
};
