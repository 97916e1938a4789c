/**
 * node_modules as the lock file says, installed again only when the lock file changed.
 *
 * Install scripts run for none but the packages listed here: onnxruntime-node's would fetch GPU libraries
 * from a host that many machines cannot reach (the CPU and WebGPU providers are in the package already).
 */
import { existsSync } from 'node:fs';
import { npmCommand, run, works } from './run.mjs';
import { contentHash, isStamped, stamp } from './stamp.mjs';

const STAMP = 'node_modules/.sotto-stamp';

/** Optional native packages that are built from source where a compiler is at hand. */
const BUILT_HERE = ['naudiodon'];

export async function installPackages(announce) {
  const wanted = contentHash(['package.json', 'package-lock.json', '.npmrc']) + process.versions.modules;
  if (isStamped(STAMP, wanted)) return;
  announce('the npm packages of package-lock.json');
  const install = npmCommand(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  await run(install.command, install.args, {
    shell: install.shell,
    env: { ONNXRUNTIME_NODE_INSTALL: 'skip' },
    purpose: 'installing packages',
  });
  for (const name of BUILT_HERE) await buildNative(name);
  stamp(STAMP, wanted);
}

async function buildNative(name) {
  if (!existsSync(`node_modules/${name}/binding.gyp`)) return;
  const rebuild = npmCommand(['rebuild', name, '--loglevel=error']);
  try {
    await run(rebuild.command, rebuild.args, {
      shell: rebuild.shell,
      purpose: `building ${name}`,
      quiet: true,
    });
  } catch {
    const hint = works('c++', ['--version']) ? '' : ' (no C++ compiler found)';
    process.stderr.write(`  ${name} could not be built here${hint}; Sotto uses its other audio back end.\n`);
  }
}
