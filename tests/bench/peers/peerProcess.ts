/**
 * A peer program held open for a whole benchmark run: JSON lines in, JSON lines out.
 *
 * Peers are measured inside their own process, with their own clock, so that neither pipes nor start-up
 * count against them; the caller alternates ours and theirs, so that a noisy machine hurts both alike.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface PeerProcess {
  /** Sends one request and resolves to its answer; rejects when the peer exits or says something else. */
  ask(request: unknown): Promise<Record<string, unknown>>;
  close(): void;
}

/** Starts a peer and waits for its `{"ready": true}` line. */
export async function startPeer(command: string, args: readonly string[]): Promise<PeerProcess> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const waiting: { resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  let stderrTail = '';
  child.stderr?.on('data', (data: Buffer) => {
    stderrTail = (stderrTail + data.toString()).slice(-2000);
  });
  const fail = (why: string): void => {
    for (const waiter of waiting.splice(0))
      waiter.reject(new Error(`peer ${command}: ${why}\n${stderrTail}`));
  };
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code) => fail(`exited with ${code}`));
  if (child.stdout === null || child.stdin === null) throw new Error('peer has no pipes');
  const { stdin } = child;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) waiting.shift()?.resolve(line);
  });
  const next = (): Promise<string> =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject });
    });
  await next();
  return {
    async ask(request) {
      const answer = next();
      stdin.write(`${JSON.stringify(request)}\n`);
      return JSON.parse(await answer) as Record<string, unknown>;
    },
    close: () => child.kill(),
  };
}
