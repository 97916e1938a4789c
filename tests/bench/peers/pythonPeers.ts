/**
 * The Python peers, in a virtual environment of their own under the cache folder; installed on first use by
 * package name, never part of the product.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the peers are, as pip names them; the versions the README's table was measured with. */
const PEER_PACKAGES = ['piper-tts==1.8.0', 'moonshine-voice==0.0.59'] as const;

/** Path of a Python that has the peers installed. */
export async function pythonWithPeers(cacheDir: string): Promise<string> {
  const env = join(cacheDir, 'peers-python');
  const python = join(env, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python');
  const probe = 'import piper, moonshine_voice';
  if (existsSync(python)) {
    const works = await run(python, ['-c', probe]).then(
      () => true,
      () => false,
    );
    if (works) return python;
  }
  process.stderr.write(`Installing the peers ${PEER_PACKAGES.join(', ')} …\n`);
  await run(process.platform === 'win32' ? 'py' : 'python3', ['-m', 'venv', env]);
  await run(python, ['-m', 'pip', 'install', '--quiet', ...PEER_PACKAGES], { maxBuffer: 1 << 26 });
  return python;
}
