/**
 * One set-up step: silent when there is nothing to do, and when it fails it says which step it was and what
 * to do. Everything goes to stderr, because stdout belongs to the command that set-up precedes.
 */
import { performance } from 'node:perf_hooks';

/** A failure the user can do something about; the message says what. */
export class SetupError extends Error {}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/**
 * Runs `work(announce)`; the step's line appears once `announce` is called, with a running clock on a
 * terminal when `work` shows no progress of its own (`announce(detail, { clock: true })`).
 * A failure ends the process with code 1.
 */
export async function step(title, work) {
  const startedMs = performance.now();
  let announced = false;
  let ticker;
  const announce = (detail = '', { clock = false } = {}) => {
    if (announced) return;
    announced = true;
    process.stderr.write(`• ${title}${detail === '' ? '' : `: ${detail}`}\n`);
    if (!clock || !process.stderr.isTTY) return;
    ticker = setInterval(
      () => process.stderr.write(`\r  ${seconds(performance.now() - startedMs)} `),
      100,
    ).unref();
  };
  const stopClock = () => {
    if (ticker === undefined) return;
    clearInterval(ticker);
    process.stderr.write('\r\u001b[K');
  };
  try {
    const result = await work(announce);
    stopClock();
    if (announced) process.stderr.write(`  done in ${seconds(performance.now() - startedMs)}\n`);
    return result;
  } catch (error) {
    stopClock();
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`✗ Set-up stopped at “${title}”.\n  ${message.split('\n').join('\n  ')}\n`);
    process.stderr.write('  Then run the same command again: what is done already is kept.\n');
    process.exit(1);
  }
}
