/** Entry of the throw-away process that tries a provider: one measurement or one error, then it ends. */
import type { Provider } from '../contract/domain.ts';
import { toWireError } from '../contract/errors.ts';
import { probe } from '../engine/runtime/probe.ts';

probe(process.argv[2] as Provider)
  .then(
    (measurement) => ({ measurement }),
    (error: unknown) => ({ error: toWireError(error, 'models') }),
  )
  .then((answer) => process.send?.(answer, () => process.exit(0)));
