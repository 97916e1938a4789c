/**
 * Bundles each main-side entry alone (CommonJS, Node 18 syntax, packages left outside), because entries
 * that share chunks drag one process's start-up into another's.
 */
import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { contentHash, isStamped, stamp } from './lib/stamp.mjs';

const STAMP = 'dist/.stamp';

function entries() {
  const found = {};
  if (existsSync('src-main/cli/main.ts')) found['cli/sotto'] = 'src-main/cli/main.ts';
  if (existsSync('src-main/leaves')) {
    for (const file of readdirSync('src-main/leaves'))
      found[`leaves/${file.replace(/\.ts$/, '')}`] = `src-main/leaves/${file}`;
  }
  return found;
}

/** Builds when a source changed; returns whether it did. */
export async function build(announce = () => {}) {
  const wanted = contentHash(['src-main', 'scripts/build.mjs', 'package-lock.json']);
  if (isStamped(STAMP, wanted) && existsSync('dist/cli/sotto.cjs')) return false;
  announce();
  const esbuild = await import('esbuild');
  await esbuild.build({
    entryPoints: entries(),
    outdir: 'dist',
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node18',
    packages: 'external',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
  stamp(STAMP, wanted);
  return true;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await build(() => process.stderr.write('building …\n'));
}
