/**
 * Programs Sotto is compared with, in a folder of their own.
 *
 * node-llama-cpp brings a binary for every platform and graphics card as optional packages, which not every
 * registry carries; among the project's own dependencies they would make the lock file fail there. So the
 * one binary that is needed is named, and the rest is left out.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { npmCommand, run } from './run.mjs';
import { isStamped, stamp } from './stamp.mjs';

/** Where tests and benchmarks find the peers. */
export const PEERS = '.cache/peers-node';

const VERSION = '3.22.1';

const BINARY = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}[`${process.platform}-${process.arch}`];

export async function installPeers(announce) {
  const wanted = `${VERSION} ${BINARY}`;
  const stampFile = `${PEERS}/.stamp`;
  if (isStamped(stampFile, wanted)) return;
  announce(`node-llama-cpp ${VERSION}, the reference the chat engine is compared with`);
  mkdirSync(PEERS, { recursive: true });
  // Without a package of its own npm would take the project's.
  if (!existsSync(`${PEERS}/package.json`)) writeFileSync(`${PEERS}/package.json`, '{ "private": true }\n');
  const names = [`node-llama-cpp@${VERSION}`, `@node-llama-cpp/${BINARY}@${VERSION}`];
  const flags = [
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--omit=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const install = npmCommand(['install', '--prefix', PEERS, ...flags, ...names]);
  await run(install.command, install.args, { shell: install.shell, purpose: 'installing the reference' });
  stamp(stampFile, wanted);
}
