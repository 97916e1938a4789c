/**
 * Everything between a fresh clone and a running Sotto: system packages, npm packages, build, models, the
 * chat model's compiled graph. Each step is skipped when it is done already, so a second run takes a moment
 * and a run after a failure goes on from there.
 */
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { installPackages } from './lib/packages.mjs';
import { installPeers } from './lib/peers.mjs';
import { run } from './lib/run.mjs';
import { contentHash, isStamped, stamp } from './lib/stamp.mjs';
import { step } from './lib/step.mjs';
import { ensureSystemPackages } from './lib/system-packages.mjs';

export const CLI = 'dist/cli/sotto.cjs';

/** Said once the chat model was compiled by the code that is here now. */
const PREPARED_STAMP = 'dist/.prepared';

/**
 * @param {'start' | 'test' | 'bench' | 'command'} purpose `command` readies the program alone, quietly and
 * fast: the command itself says which model it lacks.
 */
export async function setup(purpose) {
  process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
  if (purpose !== 'command') {
    await step('System packages', (announce) => ensureSystemPackages(purpose, announce));
  }
  await step('Packages', installPackages);
  await step('Build', async (announce) => {
    // Only now: esbuild is one of the packages.
    const { build } = await import('./build.mjs');
    await build(announce);
  });
  if (purpose === 'command') return;
  await step('Models', () =>
    run(process.execPath, [CLI, 'models', 'pull', '--default'], {
      purpose: 'fetching the default models',
    }),
  );
  await step('Chat model', prepareChatModel);
  if (purpose === 'test' || purpose === 'bench') await step('Reference', installPeers);
}

/** Compiles the chat model's graph ahead of the first question; the command shows its own progress bar. */
async function prepareChatModel() {
  const compiler = [
    'src-main/engine/chat',
    'src-main/core/gguf',
    'src-main/core/onnx',
    'models/catalog.json',
  ];
  const { SOTTO_HOME, XDG_DATA_HOME } = process.env;
  const wanted = `${contentHash(compiler)} ${SOTTO_HOME ?? XDG_DATA_HOME ?? homedir()}`;
  if (isStamped(PREPARED_STAMP, wanted)) return;
  await run(process.execPath, [CLI, 'doctor', '--prepare'], { purpose: 'compiling the chat model' });
  stamp(PREPARED_STAMP, wanted);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await setup('start');
