/**
 * What the operating system must bring, why, and how to tell it is there. On Debian and Ubuntu as root the
 * missing ones are installed; elsewhere the one command to run is printed.
 */
import { existsSync, readdirSync } from 'node:fs';
import { run, works } from './run.mjs';
import { SetupError } from './step.mjs';

const hasLibrary = (name) =>
  ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib', '/usr/lib64', '/lib64'].some(
    (folder) => existsSync(folder) && readdirSync(folder).some((file) => file.startsWith(name)),
  );
const onPath = (program) => works('sh', ['-c', `command -v ${program}`]);
export const hasPip = () =>
  works('python3', ['-m', 'pip', '--version']) ||
  (process.platform === 'win32' && works('py', ['-m', 'pip', '--version']));

/** @type {readonly {packages: string[], reason: string, present: () => boolean, for: 'start' | 'test', needed: boolean}[]} */
const REQUIREMENTS = [
  {
    packages: ['python3', 'python3-pip'],
    reason: 'fetches models that are published as Python wheels',
    present: hasPip,
    for: 'start',
    needed: true,
  },
  {
    packages: ['ca-certificates'],
    reason: 'lets downloads be verified',
    present: () => existsSync('/etc/ssl/certs/ca-certificates.crt'),
    for: 'start',
    needed: true,
  },
  {
    packages: ['libasound2'],
    reason: 'microphone and speaker',
    present: () => hasLibrary('libasound.so.2'),
    for: 'start',
    needed: false,
  },
  {
    packages: ['pulseaudio', 'pulseaudio-utils', 'libasound2-plugins'],
    reason: 'virtual microphone and speaker of the tests',
    present: () => onPath('pulseaudio') && onPath('pactl') && onPath('parec'),
    for: 'test',
    needed: true,
  },
  {
    packages: ['sox', 'libsox-fmt-all'],
    reason: 'noise, music and encoded audio for the tests',
    present: () => onPath('sox'),
    for: 'test',
    needed: true,
  },
  {
    packages: ['ffmpeg'],
    reason: 'encoders for the audio-file tests',
    present: () => onPath('ffmpeg'),
    for: 'test',
    needed: true,
  },
  {
    packages: ['chromium'],
    reason: 'software GPU for the WebGPU provider test',
    present: () => existsSync('/usr/lib/chromium/vk_swiftshader_icd.json'),
    for: 'test',
    needed: true,
  },
];

/** Installs what is missing for `purpose`, or says how; only a needed one stops set-up. */
export async function ensureSystemPackages(purpose, announce) {
  if (process.platform !== 'linux') {
    if (!hasPip())
      throw new SetupError('Python 3 with pip is needed to fetch models. Install Python 3 and run again.');
    return;
  }
  const missing = REQUIREMENTS.filter(
    (item) => (item.for === 'start' || purpose === 'test') && !item.present(),
  );
  if (missing.length === 0) return;
  const names = missing.flatMap((item) => item.packages);
  const command = `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  const why = missing.map((item) => `${item.packages.join(' ')}: ${item.reason}`).join('\n');
  if (onPath('apt-get') && process.getuid?.() === 0) {
    announce(names.join(' '));
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    await run('apt-get', ['update', '-qq'], { env, purpose: 'reading the package lists', quiet: true });
    await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], {
      env,
      purpose: 'installing system packages',
      quiet: true,
    });
    return;
  }
  const message = `Missing system packages:\n${why}\nInstall them with:  sudo ${command}`;
  if (missing.some((item) => item.needed)) throw new SetupError(message);
  process.stderr.write(`${message}\n`);
}
