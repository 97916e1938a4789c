/**
 * Everything between a fresh clone and a running Sotto, each step skipped when it is done already:
 * system packages, npm packages, build, models, compiled graph.
 */
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { installPackages } from './lib/packages.mjs';
import { run } from './lib/run.mjs';
import { step } from './lib/step.mjs';
import { ensureSystemPackages } from './lib/system-packages.mjs';

export const CLI = 'dist/cli/sotto.cjs';

/** @param {'start' | 'test' | 'command'} purpose `command` fetches no models: the command says what it lacks. */
export async function setup(purpose) {
  process.chdir(dirname(dirname(fileURLToPath(import.meta.url))));
  if (purpose !== 'command') {
    await step('System packages', (announce) => ensureSystemPackages(purpose, announce));
  }
  await step('Packages', installPackages);
  await step('Build', async (announce) => {
    const { build } = await import('./build.mjs');
    await build(announce);
  });
  if (purpose === 'command') return;
  await step('Models', () =>
    run(process.execPath, [CLI, 'models', 'pull', '--default'], { purpose: 'fetching the default models' }),
  );
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href)
  await setup('start');
