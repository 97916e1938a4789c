/** `npm start`: set-up, then one spoken turn on the sample question, aloud where there is a speaker. */
import { offerBetterChat } from './lib/offer.mjs';
import { become } from './lib/run.mjs';
import { CLI, setup } from './setup.mjs';

await setup('start');
const turn = ['talk', '--in', 'assets/sample-question.wav', '--aloud', '--out', 'sotto-reply.wav'];
become(process.execPath, [CLI, ...turn, ...process.argv.slice(2)], () => offerBetterChat(CLI));
