/** Child processes for set-up: inherited output, a clear failure, Windows' .cmd shims. */
import { spawn, spawnSync } from 'node:child_process';
import { SetupError } from './step.mjs';

const isWindows = process.platform === 'win32';

/** npm's own program, by the path npm gives its scripts, else by name. */
export function npmCommand(args) {
  const cli = process.env.npm_execpath;
  if (cli?.endsWith('.js')) return { command: process.execPath, args: [cli, ...args], shell: false };
  return { command: isWindows ? 'npm.cmd' : 'npm', args, shell: isWindows };
}

/** Runs a program to its end with its output on stderr; throws a SetupError naming `purpose` when it fails. */
export function run(command, args, { env = {}, shell = false, purpose, quiet = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', quiet ? 'pipe' : 2, quiet ? 'pipe' : 2],
      env: { ...process.env, ...env },
      shell,
    });
    let tail = '';
    const keep = (data) => {
      tail = (tail + data).slice(-4000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    child.on('error', (error) => reject(new SetupError(`${purpose}: ${error.message}`)));
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new SetupError(`${purpose}: ${command} ended with ${signal ?? `code ${code}`}.\n${tail}`.trim()),
        );
    });
  });
}

/** True when the program runs and exits 0. */
export function works(command, args) {
  const result = spawnSync(command, args, { stdio: 'ignore' });
  return result.error === undefined && result.status === 0;
}

/** Replaces this process's role: runs a program with our own stdin, stdout and stderr and exits with its code. */
export function become(command, args, env = {}) {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the whole group already; others are passed on.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? (signal === 'SIGINT' ? 130 : 143));
  });
}
