/** `npm run soak`: the long runs; a short cut of each is part of `npm test`. */
import { become } from './lib/run.mjs';
import { setup } from './setup.mjs';

await setup('test');
become(process.execPath, [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--project',
  'soak',
  ...process.argv.slice(2),
]);
