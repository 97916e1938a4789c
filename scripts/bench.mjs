/** `npm run bench`: bundles tests/bench and runs it; figures only mean something on a quiet machine. */
import { become } from './lib/run.mjs';
import { setup } from './setup.mjs';

await setup('bench');
const esbuild = await import('esbuild');
await esbuild.build({
  entryPoints: { bench: 'tests/bench/main.ts' },
  outdir: 'dist/bench',
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
become(process.execPath, ['dist/bench/bench.cjs', ...process.argv.slice(2)]);
