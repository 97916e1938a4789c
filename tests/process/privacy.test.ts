import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type RealEngine, startRealEngine } from '../helpers/engine.ts';

/** Inodes of the sockets a process holds. */
function socketsOf(pid: number): string[] {
  return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
    } catch {
      return [];
    }
  });
}

/** Inodes of all network sockets, by the kernel's tables. */
function networkSockets(): Set<string> {
  const tables = ['tcp', 'tcp6', 'udp', 'udp6', 'raw', 'raw6'];
  return new Set(
    tables.flatMap((table) =>
      readFileSync(`/proc/net/${table}`, 'utf8')
        .split('\n')
        .slice(1)
        .flatMap((line) => line.trim().split(/\s+/)[9] ?? []),
    ),
  );
}

/** What the recogniser, the model and the voice do in a turn. */
async function exerciseAll({ leaves }: RealEngine): Promise<void> {
  const listen = leaves.asr.call('listen', { mode: 'file' });
  listen.push({ kind: 'audio', pcm: new Float32Array(16_000) });
  listen.push({ kind: 'end' });
  await listen.result;
  const messages = [{ role: 'user', content: 'Hello.' }] as const;
  await leaves.chat.call('generate', { messages, maxTokens: 4 }).result;
  await leaves.tts.call('speak', { text: 'Hello.' }).result;
}

describe.runIf(process.platform === 'linux')('nothing leaves the machine', () => {
  it('no leaf opens a network socket or leaves anything in the home folder', async () => {
    const home = mkdtempSync(join(tmpdir(), 'sotto-home-'));
    const engine = await startRealEngine(['asr', 'chat', 'tts'], { HOME: home, TMPDIR: home });
    try {
      const pids = [engine.leaves.asr, engine.leaves.chat, engine.leaves.tts].map(
        (leaf) => leaf.pid() as number,
      );
      const seen: string[] = [];
      let watching = true;
      const watch = (async () => {
        while (watching) {
          const network = networkSockets();
          for (const pid of pids) seen.push(...socketsOf(pid).filter((inode) => network.has(inode)));
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      await exerciseAll(engine);
      // ONNX Runtime's reporter would wake a little later than the work it reports.
      await new Promise((resolve) => setTimeout(resolve, 1500));
      watching = false;
      await watch;
      expect(seen).toEqual([]);
      expect(readdirSync(home, { recursive: true })).toEqual([]);
    } finally {
      engine.leaves.stop();
      rmSync(home, { recursive: true, force: true });
    }
  });
});
