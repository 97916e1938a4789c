import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll } from 'vitest';
import { forkSpawner } from '../../src-main/host/forkSpawner.ts';
import { describeSpawner } from '../helpers/describeSpawner.ts';

let dir = '';
describeSpawner('forked Node processes', async () => {
  process.env.SOTTO_TEST_SECRET = 'not for leaves';
  dir = await mkdtemp(join(tmpdir(), 'sotto-leaf-'));
  await build({
    entryPoints: { tts: 'tests/helpers/fakeLeaf.ts' },
    outdir: dir,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    packages: 'external',
  });
  return forkSpawner({ entriesDir: dir });
});
afterAll(() => rm(dir, { recursive: true, force: true }));
