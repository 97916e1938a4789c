/**
 * When to stop restarting a leaf.
 *
 * Without a budget a model that crashes on load restarts for ever and heats the machine. The rule: three
 * crashes in a row open the breaker; an answered request closes the row; after the cool-down one more try
 * is allowed, and its failure opens the breaker again at once.
 */
export interface CrashBudget {
  crashed(nowMs: number): void;
  answered(): void;
  reset(): void;
  /** Milliseconds until the next try is allowed; 0 when it is. */
  waitMs(nowMs: number): number;
}

export function createCrashBudget(limits: {
  readonly crashesInARow: number;
  readonly breakerCoolDownMs: number;
}): CrashBudget {
  let inARow = 0;
  let openedAtMs = 0;
  return {
    crashed(nowMs) {
      inARow += 1;
      if (inARow >= limits.crashesInARow) openedAtMs = nowMs;
    },
    answered() {
      inARow = 0;
    },
    reset() {
      inARow = 0;
    },
    waitMs(nowMs) {
      if (inARow < limits.crashesInARow) return 0;
      return Math.max(0, openedAtMs + limits.breakerCoolDownMs - nowMs);
    },
  };
}
