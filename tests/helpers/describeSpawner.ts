/** What every spawner must give the supervisor; run for plain forks here and for utility processes later. */
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LeafCall, TtsAudio, TtsLoad, TtsResult } from '../../src-main/contract/leaf.ts';
import { createLeafHost, type LeafHost } from '../../src-main/host/leafHost.ts';
import type { LeafLimits } from '../../src-main/host/limits.ts';
import type { Spawner } from '../../src-main/host/spawner.ts';

const LOAD: TtsLoad = {
  family: 'piper',
  modelFile: '42',
  configFile: 'c',
  threads: 1,
  provider: 'cpu',
};

const codeOf = async (result: Promise<unknown>): Promise<string> => {
  try {
    await result;
    return 'answered';
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
};

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const until = async (condition: () => boolean, ms: number): Promise<void> => {
  const endMs = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > endMs) throw new Error('condition not met in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

export function describeSpawner(name: string, makeSpawner: () => Promise<Spawner>): void {
  describe(`a leaf behind ${name}`, () => {
    let spawner: Spawner;
    let leaf: LeafHost<'tts'>;
    const open = (limits: Partial<LeafLimits> = {}): LeafHost<'tts'> => {
      leaf = createLeafHost('tts', spawner, limits);
      return leaf;
    };
    const say = (text: string) => leaf.call('speak', { text }).result;
    beforeAll(async () => {
      spawner = await makeSpawner();
    });
    afterEach(() => leaf.stop());

    it('answers, streams events in order and carries a coded error across', async () => {
      open();
      const seen: number[] = [];
      const { result } = leaf.call('speak', { text: 'events 200' }, { onEvent: (e) => seen.push(e.rateHz) });
      expect((await result).totalSamples).toBe(200);
      expect(seen).toEqual(Array.from({ length: 200 }, (_, i) => i));
      expect(await codeOf(say('fail'))).toBe('unspeakable-symbol');
      expect((await say('env')).totalSamples).toBe(0);
    });

    const FATAL = [
      ['abort', 'leaf-crashed'],
      ['exit 0', 'leaf-crashed'],
      ['exit 3', 'leaf-crashed'],
      ['hang', 'leaf-hung'],
      ['flood', 'leaf-flooded'],
      ['nonsense', 'protocol'],
    ] as const;
    for (const [verb, code] of FATAL) {
      it(`ends "${verb}" as ${code} within two seconds and serves the next request, loaded`, async () => {
        open();
        await leaf.call('load', LOAD).result;
        const pid = leaf.pid() ?? 0;
        const startMs = Date.now();
        expect(await codeOf(say(verb))).toBe(code);
        expect(Date.now() - startMs).toBeLessThan(2000);
        expect((await say('loaded')).totalSamples).toBe(42);
        await until(() => !alive(pid), 1000);
      });
    }

    it('ends a request whose process is killed from outside', async () => {
      open();
      await leaf.call('load', LOAD).result;
      const waiting = codeOf(say('wait'));
      process.kill(leaf.pid() ?? 0, 'SIGKILL');
      expect(await waiting).toBe('leaf-crashed');
      expect((await say('loaded')).totalSamples).toBe(42);
    });

    it('leaves a run that blocks for a second, and a load that blocks for longer, alone', async () => {
      open();
      await leaf.call('load', { ...LOAD, modelFile: 'slow' }).result;
      const pid = leaf.pid();
      expect((await say('block 1000')).totalSamples).toBe(1000);
      expect(leaf.pid()).toBe(pid);
    });

    it('cancels at once with the reason of the signal, and kills a leaf that does not stop', async () => {
      open();
      await leaf.call('load', LOAD).result;
      const pid = leaf.pid() ?? 0;
      for (const verb of ['wait', 'deaf']) {
        const abort = new AbortController();
        const { result } = leaf.call('speak', { text: verb }, { signal: abort.signal });
        const failed = result.catch((error: unknown) => error);
        await new Promise((resolve) => setTimeout(resolve, 100));
        const reason = new Error('barge-in');
        abort.abort(reason);
        expect(await failed).toBe(reason);
        if (verb === 'wait') {
          expect((await say('loaded')).totalSamples).toBe(42);
          expect(leaf.pid()).toBe(pid);
        }
      }
      await until(() => !alive(pid), 2200);
      expect((await say('loaded')).totalSamples).toBe(42);
    });

    it('drops frames of other generations', async () => {
      open();
      expect((await say('stale')).totalSamples).toBe(7);
    });

    it('opens the breaker after three crashes in a row, closes it on reset', async () => {
      open();
      for (let i = 0; i < 3; i += 1) expect(await codeOf(say('abort'))).toBe('leaf-crashed');
      expect(leaf.state()).toBe('unavailable');
      expect(await codeOf(say('loaded'))).toBe('leaf-unavailable');
      leaf.reset();
      expect((await say('loaded')).totalSamples).toBe(-1);
    });

    it('an answer between crashes keeps the breaker closed', async () => {
      open();
      for (let i = 0; i < 4; i += 1) {
        expect(await codeOf(say('abort'))).toBe('leaf-crashed');
        expect((await say('loaded')).totalSamples).toBe(-1);
      }
    });

    it('a cool-down allows one more try', async () => {
      open({ breakerCoolDownMs: 300 });
      for (let i = 0; i < 3; i += 1) await codeOf(say('abort'));
      expect(await codeOf(say('loaded'))).toBe('leaf-unavailable');
      await new Promise((resolve) => setTimeout(resolve, 350));
      expect(await codeOf(say('abort'))).toBe('leaf-crashed');
      expect(await codeOf(say('loaded'))).toBe('leaf-unavailable');
    });

    it('a failed load is an answer: it frees the process, and the next load is served', async () => {
      open();
      expect(await codeOf(leaf.call('load', { ...LOAD, modelFile: 'corrupt' }).result)).toBe('model-corrupt');
      expect(await codeOf(leaf.call('load', { ...LOAD, modelFile: 'abort' }).result)).toBe('leaf-crashed');
      await leaf.call('load', LOAD).result;
      expect((await say('loaded')).totalSamples).toBe(42);
    });

    it('unloads when idle and comes back with the model', async () => {
      open({ idleUnloadMs: 200 });
      await leaf.call('load', LOAD).result;
      const pid = leaf.pid() ?? 0;
      await until(() => leaf.state() === 'unloaded', 1500);
      await until(() => !alive(pid), 1000);
      expect((await say('loaded')).totalSamples).toBe(42);
    });

    it('an input that cannot be sent fails its own request only', async () => {
      open();
      const text = (() => 'x') as unknown as string;
      expect(await codeOf(leaf.call('speak', { text }).result)).toBe('bad-argument');
      expect((await say('loaded')).totalSamples).toBe(-1);
    });

    it('a listener that throws fails its own request only', async () => {
      open();
      const { result } = leaf.call(
        'speak',
        { text: 'events 5' },
        {
          onEvent: () => {
            throw new Error('listener');
          },
        },
      );
      expect(await codeOf(result)).toBe('Error: listener');
      expect((await say('loaded')).totalSamples).toBe(-1);
    });

    it('keeps the order of pushes and events of interleaved requests', async () => {
      open({ eventsPerSecond: 1e9 });
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ lane: fc.nat(2), value: fc.nat(1000) }), { maxLength: 60 }),
          async (script) => {
            const seen: number[][] = [[], [], []];
            const calls = seen.map(
              (out) =>
                leaf.call(
                  'speak',
                  { text: 'echo' },
                  { onEvent: (event: TtsAudio) => out.push(event.rateHz) },
                ) as LeafCall<unknown, TtsResult>,
            );
            for (const { lane, value } of script) calls[lane]?.push(new Float32Array([value]));
            for (const call of calls) call.push(new Float32Array(0));
            await Promise.all(calls.map((call) => call.result));
            for (const lane of [0, 1, 2]) {
              expect(seen[lane]).toEqual(script.filter((s) => s.lane === lane).map((s) => s.value));
            }
          },
        ),
        { numRuns: 25 },
      );
    });

    it('moves 4 MB of audio there and back unharmed', async () => {
      open();
      const pcm = Float32Array.from({ length: 1 << 20 }, (_, i) => Math.sin(i));
      const startMs = performance.now();
      await say('loaded');
      const spawnMs = performance.now() - startMs;
      const received: Float32Array[] = [];
      const sentMs = performance.now();
      const call = leaf.call(
        'speak',
        { text: 'echo 1' },
        { onEvent: (event) => received.push(event.pcm) },
      ) as LeafCall<unknown, TtsResult>;
      call.push(pcm);
      call.push(new Float32Array(0));
      await call.result;
      const tripMs = performance.now() - sentMs;
      expect(received).toHaveLength(1);
      expect(received[0]?.every((sample, i) => sample === pcm[i])).toBe(true);
      expect(received[0]).toHaveLength(pcm.length);
      process.stderr.write(
        `      spawn to first answer ${spawnMs.toFixed(0)} ms, 4 MB there and back ${tripMs.toFixed(0)} ms\n`,
      );
    });
  });
}
