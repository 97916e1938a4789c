/**
 * After the first turn: the offer of a chat model that knows more than the demonstration one.
 *
 * The small model answers at once on any machine and gets plain facts wrong; somebody who never hears of a
 * better one would judge Sotto by it. The rule: asked once, on a terminal, never in the way of the answer;
 * without a terminal it is one line that says how. A fetch that fails costs nothing but its message.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { run } from './run.mjs';
import { isStamped, stamp } from './stamp.mjs';

const ASKED = 'dist/.offered';
const HOW = 'npm run sotto -- models pull --recommended';

/**
 * True when the chat model in use is one that the catalogue calls a demonstration.
 * @param {string} listing what `sotto models list --json` printed
 * @param {{ models: readonly { id: string, demonstration?: boolean }[] }} catalog
 */
export function usesDemonstration(listing, catalog) {
  const rows = listing.split('\n').filter((line) => line.startsWith('{'));
  const used = rows.map((row) => JSON.parse(row)).find((row) => row.role === 'chat' && row.used === true);
  return catalog.models.some((model) => model.id === used?.id && model.demonstration === true);
}

/** Offers the best fitting chat model where a demonstration one is in use. */
export async function offerBetterChat(cli) {
  const { stdout } = spawnSync(process.execPath, [cli, 'models', 'list', '--json'], { encoding: 'utf8' });
  if (!usesDemonstration(stdout ?? '', JSON.parse(readFileSync('models/catalog.json', 'utf8')))) return;
  const isTerminal = process.stdin.isTTY && process.stderr.isTTY;
  if (!isTerminal || isStamped(ASKED, HOW)) {
    process.stderr.write(`This was a demonstration model. A better one:  ${HOW}\n`);
    return;
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await lines.question(
    'This was a demonstration model: quick, and often wrong. Fetch the best one for this machine now? [y/N] ',
  );
  lines.close();
  stamp(ASKED, HOW);
  if (!/^y(es)?$/i.test(answer.trim())) {
    process.stderr.write(`Later:  ${HOW}\n`);
    return;
  }
  await run(process.execPath, [cli, 'models', 'pull', '--recommended'], { purpose: 'fetching it' }).catch(
    () => process.stderr.write(`The model in use stays. To try again:  ${HOW}\n`),
  );
}
