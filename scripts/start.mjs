/** `npm start`: set-up, then one spoken turn on the sample question, aloud where there is a speaker. */
import { become } from './lib/run.mjs';
import { CLI, setup } from './setup.mjs';

await setup('start');
become(process.execPath, [
  CLI,
  'talk',
  '--in',
  'assets/sample-question.wav',
  '--aloud',
  '--out',
  'sotto-reply.wav',
  ...process.argv.slice(2),
]);
