/** The command line as a user has it: the built program in a process of its own. */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { build } from '../../scripts/build.mjs';

const PROGRAM = resolve('dist/cli/sotto.cjs');

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly input?: string | Uint8Array;
  readonly env?: { readonly [name: string]: string };
  /** Called with the process once it runs. */
  readonly during?: (pid: number, kill: (signal: NodeJS.Signals) => void) => void;
}

/** Builds what changed; call it before the first `sotto`. */
export async function buildCli(): Promise<void> {
  await build();
}

export function sotto(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...process.env, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (data: Buffer) => out.push(data));
    child.stderr.on('data', (data: Buffer) => err.push(data));
    child.on('error', reject);
    child.on('close', (code) => {
      done({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    if (child.pid !== undefined) options.during?.(child.pid, (signal) => child.kill(signal));
  });
}

/** What no user should ever see. */
export const STACK_TRACE = /^\s+at .+:\d+/m;
