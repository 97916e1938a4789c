import { describe, expect, it } from 'vitest';
import { chooseProvider, explainProviders, judge, providerOrder } from '../../src-main/host/providers.ts';

const measured = {
  provider: 'webgpu',
  cpuMs: 10,
  providerMs: 2,
  worstDifference: 1e-4,
  tolerance: 1e-2,
  fellBack: null,
} as const;

describe('the verdict on a provider', () => {
  const table = [
    [{}, true, 'as fast'],
    [{ providerMs: 30 }, false, 'slower than the CPU (3.0 times)'],
    [{ providerMs: 10 }, false, 'slower'],
    [{ worstDifference: 0.5 }, false, 'wrong numbers'],
    [{ worstDifference: Number.NaN }, false, 'wrong numbers'],
    [{ fellBack: 'x' }, false, 'failed'],
  ] as const;
  for (const [change, usable, words] of table) {
    it(`${JSON.stringify(change)} → ${usable ? 'used' : 'refused'}`, () => {
      const verdict = judge({ ...measured, ...change });
      expect(verdict.usable).toBe(usable);
      expect(verdict.reason).toContain(words);
    });
  }

  it('chooses the first that passed, else the CPU with the reasons', () => {
    const cuda = { provider: 'cuda', usable: false, reason: 'cuda is not available here' } as const;
    const webgpu = judge(measured);
    expect(chooseProvider('auto', [cuda, webgpu]).provider).toBe('webgpu');
    expect(chooseProvider('cuda', [cuda, webgpu])).toEqual({ provider: 'cpu', reason: cuda.reason });
    expect(chooseProvider('coreml', [cuda, webgpu]).reason).toContain('coreml');
    expect(chooseProvider('cpu', [webgpu]).provider).toBe('cpu');
    expect(explainProviders([cuda])[0]).toContain('not used');
  });

  it('ends every platform with the CPU', () => {
    for (const platform of ['linux', 'win32', 'darwin', 'freebsd'] as const) {
      expect(providerOrder(platform).at(-1)).toBe('cpu');
    }
  });
});
