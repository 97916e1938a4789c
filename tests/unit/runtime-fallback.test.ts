import { describe, expect, it } from 'vitest';
import type { OpenOptions, RawSession } from '../../src-main/engine/runtime/ort.ts';
import { openSession, Tensor } from '../../src-main/engine/runtime/ort.ts';
import { probeGraph } from '../../src-main/engine/runtime/probe.ts';

const one = () => ({ x: new Tensor('float32', new Float32Array([1]), [1]) });

function failingGpu(opened: string[], released: string[]) {
  return async (_model: string | Uint8Array, { provider }: OpenOptions): Promise<RawSession> => {
    opened.push(provider);
    return {
      inputNames: ['x'],
      outputNames: ['x'],
      run: async (feeds) => {
        await Promise.resolve();
        if (provider !== 'cpu') throw new Error('device lost');
        return feeds;
      },
      release: async () => {
        released.push(provider);
      },
    };
  };
}

describe('a session whose provider fails in a run', () => {
  it('goes on on the CPU with the same inputs, once, and says so once', async () => {
    const opened: string[] = [];
    const released: string[] = [];
    const told: string[] = [];
    const session = await openSession(
      'm',
      { threads: 1, provider: 'webgpu', onFallback: (reason) => told.push(reason) },
      failingGpu(opened, released),
    );
    const both = await Promise.all([session.run(one()), session.run(one())]);
    for (const out of both) expect(out.x?.data).toEqual(new Float32Array([1]));
    await session.run(one());
    expect(opened).toEqual(['webgpu', 'cpu']);
    expect(released).toEqual(['webgpu']);
    expect(told).toHaveLength(1);
  });
});

describe('what ONNX Runtime throws', () => {
  const open = (model: string | Uint8Array) => openSession(model, { threads: 1, provider: 'cpu' });
  it('is coded: damaged bytes, a cut-off model, a missing file', async () => {
    await expect(open(new Uint8Array(200).fill(7))).rejects.toMatchObject({ code: 'model-corrupt' });
    const graph = probeGraph();
    await expect(open(graph.subarray(0, graph.length >> 1))).rejects.toMatchObject({ code: 'model-corrupt' });
    await expect(open('/nowhere/model.onnx')).rejects.toMatchObject({ code: 'model-missing' });
  });
});
