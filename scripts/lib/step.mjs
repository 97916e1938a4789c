/**
 * One set-up step: says what it does only when it has something to do, and when it fails says which step it
 * was and what to do. Everything goes to stderr: stdout belongs to the command that set-up precedes.
 */
import { performance } from 'node:perf_hooks';

export class SetupError extends Error {}

/** Runs `work`; a failure is reported with the step's name and ends the process with code 1. */
export async function step(title, work) {
  const started = performance.now();
  let announced = false;
  const announce = (detail = '') => {
    if (announced) return;
    announced = true;
    process.stderr.write(`• ${title}${detail === '' ? '' : `: ${detail}`}\n`);
  };
  try {
    const result = await work(announce);
    if (announced) {
      process.stderr.write(`  done in ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
    }
    return result;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`✗ Set-up stopped at “${title}”.\n  ${message.split('\n').join('\n  ')}\n`);
    process.stderr.write('  Run the same command again: what is done already is kept.\n');
    process.exit(1);
  }
}
