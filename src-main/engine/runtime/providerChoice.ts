/**
 * The provider a leaf opens its sessions with.
 *
 * The shell decides, by the verdicts of throw-away probe processes (cli/providers.ts); a leaf that was given
 * no decision stays on the processor, which always works.
 */
import type { Provider, ProviderChoice } from '../../contract/domain.ts';

export interface ResolvedProvider {
  readonly provider: Provider;
  readonly reason: string;
}

export function resolveProvider(choice: ProviderChoice): ResolvedProvider {
  return choice === 'auto'
    ? { provider: 'cpu', reason: 'no other provider has passed its probe' }
    : { provider: choice, reason: choice === 'cpu' ? 'chosen' : 'passed its probe' };
}
