/** `npm run sotto -- …`: the command line from a checkout; nothing of ours on stdout. */
import { become } from './lib/run.mjs';
import { CLI, setup } from './setup.mjs';

await setup('command');
become(process.execPath, [CLI, ...process.argv.slice(2)]);
