/** Child processes for set-up: inherited output, a clear failure, Windows' .cmd shims. */
import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { SetupError } from './step.mjs';

const isWindows = process.platform === 'win32';
/** Characters of a quiet program's output that a failure shows. */
const TAIL_CHARS = 4000;

/** Stack frames, fields of an error object, lines with nothing on them. */
const NOISE = [/^(npm error)?\s+at /, /^npm error\s{2,}\w+: /, /^(npm error)?\s*\}?$/];

/**
 * The end of a program's output as far as it helps a person: without stack frames and the fields of error
 * objects, which npm prints for a refused connection.
 */
export function readableTail(output) {
  return output
    .slice(-TAIL_CHARS)
    .split('\n')
    .filter((line) => !NOISE.some((pattern) => pattern.test(line)))
    .join('\n');
}

/** npm's own program, by the path npm gives its scripts, else by name. */
export function npmCommand(args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) return { command: process.execPath, args: [cli, ...args], shell: false };
  return { command: isWindows ? 'npm.cmd' : 'npm', args, shell: isWindows };
}

/** Runs a program to its end with its output on stderr; throws a SetupError naming `purpose` when it fails. */
export function run(command, args, options = {}) {
  const { env = {}, shell = false, purpose, advice = '', quiet = false } = options;
  const output = quiet ? 'pipe' : 2;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
      shell,
    });
    let tail = '';
    const keep = (data) => {
      tail = (tail + data).slice(-2 * TAIL_CHARS);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    const fail = (what) =>
      reject(new SetupError([`${purpose}: ${what}`, readableTail(tail), advice].filter(Boolean).join('\n')));
    child.on('error', (error) => fail(error.message));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else fail(`ended with ${signal ?? `code ${code}`}.`);
    });
  });
}

/** True when the program runs and exits 0. */
export function works(command, args) {
  const result = spawnSync(command, args, { stdio: 'ignore' });
  return result.error === undefined && result.status === 0;
}

/**
 * Hands this process's role over: the program gets our stdin, stdout, stderr and signals, we its exit code.
 * `afterSuccess` runs before we exit with 0.
 */
export function become(command, args, afterSuccess = async () => {}) {
  const child = spawn(command, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group already; others are passed on.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
      if (child.exitCode !== null) process.exit(128 + constants.signals[signal]);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', async (code, signal) => {
    if (code === 0) await afterSuccess();
    process.exit(code ?? 128 + (constants.signals[signal] ?? 1));
  });
}
