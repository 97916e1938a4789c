/**
 * What the host needs of a child process, so that plain Node forks and Electron's utility processes run the
 * same supervisor and the same tests.
 */
import type { LeafName } from '../contract/leaf.ts';
import type { DownFrame } from './protocol.ts';

export interface LeafProcess {
  readonly pid: number | undefined;
  send(frame: DownFrame): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once; `why` is a code or a signal, for people. */
  onExit(listener: (why: string) => void): void;
  /** Ends the process at once, whatever it is doing. */
  kill(): void;
}

export interface Spawner {
  /** Starts the leaf's process; never throws: a failed start is reported by `onExit`. */
  spawn(leaf: LeafName, generation: number): LeafProcess;
}
