/** What the throw-away probe process reports about a provider, and what was concluded from it. */
import type { Provider } from './domain.ts';

export interface ProbeMeasurement {
  readonly provider: Provider;
  readonly cpuMs: number;
  readonly providerMs: number;
  /** Largest absolute difference from the CPU's numbers. */
  readonly worstDifference: number;
  readonly tolerance: number;
  /** Why the provider gave up in the middle, or null. */
  readonly fellBack: string | null;
}

export interface ProviderVerdict {
  readonly provider: Provider;
  readonly usable: boolean;
  /** One sentence for people. */
  readonly reason: string;
}
