/**
 * GGUF files that Ollama or LM Studio already hold on this disk: used in place, never copied or changed.
 *
 * Ollama keeps manifests (JSON) that point to blobs by digest; LM Studio keeps plain folders
 * publisher/model/file.gguf.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative, sep } from 'node:path';

export interface FoundModel {
  /** `ollama:llama3.2:1b`, `lmstudio:publisher/model/file` */
  readonly id: string;
  readonly file: string;
  readonly sizeBytes: number;
}

const MODEL_LAYER = 'application/vnd.ollama.image.model';

/** Everything found; a folder that is not there or not readable holds nothing. */
export async function foundModels(
  env: NodeJS.ProcessEnv = process.env,
  home: string = homedir(),
): Promise<FoundModel[]> {
  const ollama = env.OLLAMA_MODELS ?? join(home, '.ollama', 'models');
  const studios = [join(home, '.lmstudio', 'models'), join(home, '.cache', 'lm-studio', 'models')];
  const found = await Promise.all([inOllama(ollama), ...studios.map((folder) => inLmStudio(folder))]);
  return found.flat().sort((a, b) => a.id.localeCompare(b.id));
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.path, entry.name));
}

async function inOllama(folder: string): Promise<FoundModel[]> {
  const manifests = join(folder, 'manifests');
  const found: FoundModel[] = [];
  for (const path of await filesUnder(manifests)) {
    const digest = await modelDigest(path);
    if (digest === null) continue;
    const file = join(folder, 'blobs', digest.replace(':', '-'));
    const size = (await stat(file).catch(() => null))?.size;
    if (size === undefined) continue;
    // registry/library/name/tag -> name:tag; other namespaces keep theirs.
    const parts = relative(manifests, path).split(sep).slice(1);
    const tag = parts.pop() ?? 'latest';
    const name = (parts[0] === 'library' ? parts.slice(1) : parts).join('/');
    found.push({ id: `ollama:${name}:${tag}`, file, sizeBytes: size });
  }
  return found;
}

async function modelDigest(manifestPath: string): Promise<string | null> {
  try {
    const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as {
      layers?: { mediaType?: string; digest?: string }[];
    };
    const digest = manifest.layers?.find((layer) => layer.mediaType === MODEL_LAYER)?.digest;
    return digest !== undefined && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : null;
  } catch {
    return null;
  }
}

async function inLmStudio(folder: string): Promise<FoundModel[]> {
  const found: FoundModel[] = [];
  for (const file of await filesUnder(folder)) {
    if (!file.toLowerCase().endsWith('.gguf')) continue;
    const size = (await stat(file).catch(() => null))?.size;
    if (size === undefined) continue;
    const name = relative(folder, file)
      .split(sep)
      .join('/')
      .replace(/\.gguf$/i, '');
    found.push({ id: `lmstudio:${name}`, file, sizeBytes: size });
  }
  return found;
}
