/**
 * node_modules as the lock file says, installed again only when the lock file changed.
 *
 * No package's install script runs, for two of them fetch from hosts that many machines cannot reach:
 * onnxruntime-node's would bring GPU libraries (its CPU and WebGPU providers are in the package already).
 * What must be compiled is built by name afterwards, and may fail.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { npmCommand, run, works } from './run.mjs';
import { contentHash, isStamped, stamp } from './stamp.mjs';

const STAMP = 'node_modules/.sotto-stamp';

/** Optional native packages that are built from source where a compiler is at hand. */
const BUILT_HERE = ['naudiodon'];

export async function installPackages(announce) {
  // npm writes omit-lockfile-registry-resolved files from .npmrc; a native build belongs to one Node ABI.
  const wanted = `${contentHash(['package-lock.json', '.npmrc'])} ${process.platform}-${process.arch}-${process.versions.modules}`;
  if (isStamped(STAMP, wanted)) return;
  announce('installing what package-lock.json names', { clock: true });
  const install = npmCommand(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
  await run(install.command, install.args, {
    shell: install.shell,
    env: { ONNXRUNTIME_NODE_INSTALL: 'skip' },
    purpose: 'npm ci',
    quiet: true,
    advice: 'Check that this machine reaches the npm registry.',
  });
  for (const name of BUILT_HERE) await buildNative(name);
  stamp(STAMP, wanted);
}

/** Builds one package with node-gyp; a failure is told and set-up goes on, for there is another back end. */
async function buildNative(name) {
  if (!existsSync(`node_modules/${name}/binding.gyp`)) return;
  const rebuild = npmCommand(['rebuild', name, '--foreground-scripts', '--loglevel=error']);
  try {
    await run(rebuild.command, rebuild.args, {
      shell: rebuild.shell,
      env: localHeaders(),
      purpose: `building ${name}`,
      quiet: true,
    });
  } catch {
    const hint = works('c++', ['--version']) ? '' : ' (there is no C++ compiler)';
    process.stderr.write(`  ${name} could not be built here${hint}; Sotto uses its other audio back end.\n`);
  }
}

/** node-gyp would fetch Node's headers; most installations carry them, and then no host is needed. */
function localHeaders() {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? { npm_config_nodedir: prefix } : {};
}
