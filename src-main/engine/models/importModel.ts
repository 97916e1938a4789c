/**
 * Takes in what people bring: a Piper voice, a GGUF file, a Moonshine folder.
 *
 * A file that cannot work is refused now, by name, and not at the first word spoken.
 */
import { copyFile, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, extname, join, resolve } from 'node:path';
import { SottoError } from '../../contract/errors.ts';
import { readGguf } from '../../core/gguf/readGguf.ts';
import { fileError, sha256File } from './files.ts';
import type { Manifest, ModelStore } from './store.ts';

export interface ImportOptions {
  /** Use the file where it lies instead of copying it. */
  readonly link?: boolean;
  readonly signal?: AbortSignal;
}

interface Candidate {
  readonly manifest: Omit<Manifest, 'files'>;
  /** Name in our folder -> path now. */
  readonly files: Readonly<Record<string, string>>;
}

const MOONSHINE_FILES = ['encoder_model.ort', 'decoder_model_merged.ort', 'tokenizer.bin'] as const;
/** GGUF architectures the chat engine runs (engine/chat/architectures). */
const ARCHITECTURES = ['llama', 'qwen2', 'qwen3', 'gemma3'];

/** @returns the new model's manifest */
export async function importModel(
  store: ModelStore,
  path: string,
  options: ImportOptions = {},
): Promise<Manifest> {
  const absolute = resolve(path);
  const info = await stat(absolute).catch(() => null);
  if (info === null) throw bad(`There is no file or folder ${path}.`);
  const candidate = info.isDirectory() ? await fromFolder(absolute) : await fromFile(absolute);
  const folder = store.folder(candidate.manifest.id);
  try {
    await mkdir(folder, { recursive: true });
    const files: Manifest['files'][number][] = [];
    for (const [name, source] of Object.entries(candidate.files)) {
      options.signal?.throwIfAborted();
      const sha256 = await sha256File(source, options.signal);
      const sizeBytes = (await stat(source)).size;
      if (options.link === true) files.push({ name, sizeBytes, sha256, linkedFrom: source });
      else {
        const part = join(folder, `${name}.part`);
        await copyFile(source, part);
        await rename(part, join(folder, name));
        files.push({ name, sizeBytes, sha256 });
      }
    }
    const manifest = { ...candidate.manifest, files };
    await store.writeManifest(manifest);
    return manifest;
  } catch (error) {
    if ((await store.manifest(candidate.manifest.id)) === null)
      await rm(folder, { recursive: true, force: true });
    throw fileError(error, folder);
  }
}

function bad(message: string): SottoError {
  return new SottoError(message, { code: 'bad-file', stage: 'models' });
}

/** A folder name from a file name. */
function idFrom(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'model';
}

async function fromFolder(folder: string): Promise<Candidate> {
  const names = await readdir(folder);
  if (MOONSHINE_FILES.every((name) => names.includes(name))) return moonshine(folder);
  const voice = names.find((name) => name.endsWith('.onnx') && names.includes(`${name}.json`));
  if (voice !== undefined) return piper(join(folder, voice));
  const gguf = names.find((name) => name.toLowerCase().endsWith('.gguf'));
  if (gguf !== undefined) return chat(join(folder, gguf));
  throw bad(
    `${folder} holds no model Sotto knows: a Piper voice (.onnx with .onnx.json), a GGUF file, or a Moonshine folder (${MOONSHINE_FILES.join(', ')}).`,
  );
}

async function fromFile(file: string): Promise<Candidate> {
  const kind = extname(file).toLowerCase();
  if (kind === '.gguf') return chat(file);
  if (kind === '.onnx') return piper(file);
  if (file.endsWith('.onnx.json')) return piper(file.slice(0, -'.json'.length));
  throw bad(
    `${basename(file)} is neither a GGUF file nor a Piper voice (.onnx with its .onnx.json beside it).`,
  );
}

async function moonshine(folder: string): Promise<Candidate> {
  for (const name of MOONSHINE_FILES.slice(0, 2)) {
    const handle = await open(join(folder, name));
    const head = Buffer.alloc(8);
    await handle.read(head, 0, 8, 0);
    await handle.close();
    // ORT's FlatBuffer format carries its identifier behind the root offset.
    if (head.toString('latin1', 4, 8) !== 'ORTM') throw bad(`${name} is not in ONNX Runtime's .ort format.`);
  }
  const id = idFrom(basename(folder));
  const files = Object.fromEntries(MOONSHINE_FILES.map((name) => [name, join(folder, name)]));
  return {
    manifest: {
      id,
      title: basename(folder),
      role: 'asr',
      family: 'moonshine',
      languages: ['*'],
      licence: 'as where it came from',
    },
    files,
  };
}

async function piper(model: string): Promise<Candidate> {
  const config = `${model}.json`;
  const text = await readFile(config, 'utf8').catch(() => null);
  if (text === null) throw bad(`${basename(model)} needs its ${basename(config)} beside it.`);
  let parsed: {
    phoneme_id_map?: unknown;
    audio?: { sample_rate?: unknown };
    espeak?: { voice?: string };
    language?: { code?: string };
  };
  try {
    parsed = JSON.parse(text) as typeof parsed;
  } catch {
    throw bad(`${basename(config)} is no valid JSON. Download it again.`);
  }
  if (typeof parsed.phoneme_id_map !== 'object' || typeof parsed.audio?.sample_rate !== 'number') {
    throw bad(`${basename(config)} is not the description of a Piper voice.`);
  }
  if (((await stat(model).catch(() => null))?.size ?? 0) < 1_000_000)
    throw bad(`${basename(model)} is missing or cut short.`);
  const name = basename(model, '.onnx');
  const language = parsed.language?.code ?? parsed.espeak?.voice ?? '*';
  return {
    manifest: {
      id: idFrom(`piper-${name}`),
      title: name,
      role: 'tts',
      family: 'piper',
      languages: [language.replace('_', '-')],
      licence: 'as where it came from',
    },
    files: { [`${name}.onnx`]: model, [`${name}.onnx.json`]: config },
  };
}

async function chat(file: string): Promise<Candidate> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const gguf = await readGguf({
      sizeBytes: size,
      read: async (offset, length) => {
        const bytes = new Uint8Array(length);
        const { bytesRead } = await handle.read(bytes, 0, length, offset);
        return bytes.subarray(0, bytesRead);
      },
    });
    const architecture = String(gguf.metadata.get('general.architecture') ?? 'unknown');
    if (!ARCHITECTURES.includes(architecture)) {
      throw new SottoError(
        `${basename(file)} holds a model of architecture “${architecture}”. Sotto runs: ${ARCHITECTURES.join(', ')}.`,
        {
          code: 'unsupported-model',
          stage: 'models',
        },
      );
    }
    const name = basename(file, extname(file));
    const title = gguf.metadata.get('general.name');
    const licence = gguf.metadata.get('general.license');
    return {
      manifest: {
        id: idFrom(name),
        title: typeof title === 'string' ? title : name,
        role: 'chat',
        family: 'gguf',
        languages: ['*'],
        licence: typeof licence === 'string' ? licence : 'as where it came from',
      },
      files: { [basename(file)]: file },
    };
  } finally {
    await handle.close();
  }
}
