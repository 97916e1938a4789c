/**
 * Leaves as forked Node processes: for the terminal, the server and the tests.
 *
 * The environment is hermetic: a leaf gets the few variables native libraries need and nothing else of the
 * user's. Its stderr is kept to the last lines, for the crash report, and never echoed: it could hold text.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { LeafName } from '../contract/leaf.ts';
import type { LeafProcess, Spawner } from './spawner.ts';

/** Variables native libraries look at; all else stays outside. */
const PASSED_ON = [
  'PATH',
  'HOME',
  'USERPROFILE',
  'SYSTEMROOT',
  'TEMP',
  'TMPDIR',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'CUDA_PATH',
  'VK_ICD_FILENAMES',
  'XDG_RUNTIME_DIR',
] as const;

export interface ForkOptions {
  /** Folder of the bundled leaf entries `<leaf>.cjs`. */
  readonly entriesDir: string;
  /** Added to the child's environment; tests use it. */
  readonly env?: { readonly [name: string]: string };
}

/** The hermetic environment of every process Sotto starts for inference. */
export function leafEnvironment(extra: ForkOptions['env']): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const name of PASSED_ON) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  // Nothing leaves: ONNX Runtime reports to its makers unless told not to (engine/runtime/noTelemetry.ts).
  return { ...env, ORT_DISABLE_TELEMETRY: '1', ORT_TELEMETRY_DISABLED: '1', ...extra };
}

export function forkSpawner(options: ForkOptions): Spawner {
  return {
    spawn(leaf: LeafName, generation: number): LeafProcess {
      const child: ChildProcess = fork(join(options.entriesDir, `${leaf}.cjs`), [String(generation)], {
        serialization: 'advanced',
        env: leafEnvironment(options.env),
        execArgv: [],
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      });
      return {
        pid: child.pid,
        send(frame) {
          // A child that is gone reports itself by `exit`; the write's own error would say nothing more.
          if (child.connected) child.send(frame, () => {});
        },
        onMessage(listener) {
          child.on('message', listener);
        },
        onExit(listener) {
          let told = false;
          const tell = (why: string): void => {
            if (told) return;
            told = true;
            listener(why);
          };
          child.on('exit', (code, signal) => tell(signal ?? `code ${code}`));
          child.on('error', (error) => {
            child.kill('SIGKILL');
            tell(error.message);
          });
        },
        kill() {
          child.kill('SIGKILL');
        },
      };
    },
  };
}
