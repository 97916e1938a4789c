import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  chooseProvider,
  probeProvider,
  probeProviders,
  refuseProvider,
} from '../../src-main/host/providers.ts';

/** Chromium's software GPU, which set-up installs for the tests. */
const SOFTWARE_GPU = '/usr/lib/chromium/vk_swiftshader_icd.json';
const WORKING = {
  provider: 'cuda',
  cpuMs: 10,
  providerMs: 1,
  worstDifference: 0,
  tolerance: 1,
  fellBack: null,
};

describe('a provider is tried in a throw-away process', () => {
  let dir = '';
  const entry = async (name: string, source: string): Promise<string> => {
    const file = join(dir, `${name}.cjs`);
    await writeFile(file, source);
    return file;
  };
  const options = (probeEntry: string, key = 'k') => ({
    probeEntry,
    cacheFile: join(dir, 'cache', 'providers.json'),
    cacheKey: key,
    platform: 'linux' as const,
    timeoutMs: 60_000,
  });

  beforeAll(async () => {
    // Inside the checkout, so that the bundle finds onnxruntime-node.
    dir = await mkdtemp(join('node_modules', '.sotto-probe-'));
    await build({
      entryPoints: { probe: 'src-main/leaves/probe.ts' },
      outdir: dir,
      outExtension: { '.js': '.cjs' },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node18',
      packages: 'external',
    });
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  it('a software GPU is right but slower, so the CPU is chosen and says why', async () => {
    const verdict = await probeProvider('webgpu', {
      ...options(join(dir, 'probe.cjs')),
      env: { VK_ICD_FILENAMES: SOFTWARE_GPU },
    });
    expect(verdict).toMatchObject({ usable: false });
    expect(verdict.reason).toContain('slower than the CPU');
    expect(chooseProvider('auto', [verdict])).toEqual({ provider: 'cpu', reason: verdict.reason });
  });

  it('a provider that is not there is refused', async () => {
    const verdict = await probeProvider('cuda', options(join(dir, 'probe.cjs')));
    expect(verdict).toEqual({ provider: 'cuda', usable: false, reason: 'cuda is not available here' });
  });

  const send = (measurement: object) => `process.send(${JSON.stringify({ measurement })});`;
  const BROKEN = [
    ['abort', 'process.abort();', 'crashed when tried'],
    ['leave', 'process.exit(0);', 'crashed when tried'],
    ['hang', 'for (;;);', 'did not answer within'],
    ['wrong', send({ ...WORKING, worstDifference: 3 }), 'wrong numbers'],
  ] as const;
  for (const [name, source, words] of BROKEN) {
    it(`one whose process does "${name}" is refused with the reason`, async () => {
      const probeEntry = await entry(name, source);
      const verdict = await probeProvider('cuda', { ...options(probeEntry), timeoutMs: 1000 });
      expect(verdict.usable).toBe(false);
      expect(verdict.reason).toContain(words);
    });
  }

  it('keeps the verdicts until the key changes, and survives a damaged cache', async () => {
    const good = await entry('good', send(WORKING));
    const bad = await entry('bad', 'process.abort();');
    expect((await probeProviders(options(good)))[0]?.usable).toBe(true);
    expect((await probeProviders(options(bad)))[0]?.usable).toBe(true);
    expect((await probeProviders(options(bad, 'new driver')))[0]?.usable).toBe(false);
    await writeFile(options(good).cacheFile, '{"key":');
    expect((await probeProviders(options(good)))[0]?.usable).toBe(true);
    expect(JSON.parse(await readFile(options(good).cacheFile, 'utf8'))).toMatchObject({ key: 'k' });
  });

  it('that failed at work is refused from then on, and only it', async () => {
    const good = await entry('good2', send(WORKING));
    const kept = options(good, 'at work');
    const [passed] = await probeProviders(kept);
    expect(passed).toMatchObject({ provider: 'cuda', usable: true });
    await refuseProvider('cuda', 'device lost', kept);
    const after = await probeProviders(kept);
    expect(after.find(({ provider }) => provider === 'cuda')).toEqual({
      provider: 'cuda',
      usable: false,
      reason: 'cuda failed at work: device lost',
    });
    expect(chooseProvider('cuda', after).provider).toBe('cpu');
  });

  it('can be aborted', async () => {
    const probeEntry = await entry('hang2', 'for (;;);');
    const abort = new AbortController();
    const waiting = probeProvider('cuda', { ...options(probeEntry), signal: abort.signal });
    const reason = new Error('stop');
    abort.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});
