/**
 * The models on this machine.
 *
 * A model is a folder with its files and a manifest that says what they are and their hashes; the manifest
 * is written last, so a folder with one is whole. Nothing else decides what is installed.
 */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog, CatalogFile, CatalogModel, ModelFamily, ModelRole } from '../../contract/catalog.ts';
import { SottoError } from '../../contract/errors.ts';
import { CATALOG } from './catalog.ts';
import { dataDir } from './dataDir.ts';
import { fileError, sha256File } from './files.ts';
import { type FoundModel, foundModels } from './found.ts';
import { nearNames } from './nearNames.ts';

/** Written beside the files of every installed model. */
export interface Manifest {
  readonly id: string;
  readonly title: string;
  readonly role: ModelRole;
  readonly family: ModelFamily;
  readonly languages: readonly string[];
  readonly licence: string;
  readonly demonstration?: boolean;
  /** Name -> size and hash; a linked file's path stands in `linkedFrom`. */
  readonly files: readonly (CatalogFile & { readonly linkedFrom?: string })[];
}

export interface ModelStore {
  readonly root: string;
  /** Folder of a model, there or not. */
  folder(id: string): string;
  readonly compiledDir: string;
  installed(): Promise<Manifest[]>;
  manifest(id: string): Promise<Manifest | null>;
  writeManifest(manifest: Manifest): Promise<void>;
  remove(id: string): Promise<void>;
  /** Rehashes every file; returns a sentence for each that is wrong. */
  verify(id: string, signal?: AbortSignal): Promise<string[]>;
  /** Id chosen for a role: the user's, else the catalogue's default, else any installed one. */
  chosen(role: ModelRole): Promise<string | null>;
  choose(role: ModelRole, id: string): Promise<void>;
  /** Absolute path of a model's files by name. Throws `model-missing` or `unknown-model`. */
  filesOf(
    id: string,
  ): Promise<{ readonly manifest: Manifest; readonly paths: Readonly<Record<string, string>> }>;
  found(): Promise<FoundModel[]>;
}

const MANIFEST = 'sotto-model.json';
const CHOICES = 'choices.json';

export function openStore(root: string = dataDir(), catalog: Catalog = CATALOG): ModelStore {
  const modelsDir = join(root, 'models');
  const folder = (id: string): string => join(modelsDir, id);

  const manifest = async (id: string): Promise<Manifest | null> => {
    try {
      return JSON.parse(await readFile(join(folder(id), MANIFEST), 'utf8')) as Manifest;
    } catch {
      return null;
    }
  };
  const installed = async (): Promise<Manifest[]> => {
    const names = await readdir(modelsDir).catch(() => []);
    const all = await Promise.all(names.map((name) => manifest(name)));
    return all.filter((item) => item !== null).sort((a, b) => a.id.localeCompare(b.id));
  };
  const choices = async (): Promise<Partial<Record<ModelRole, string>>> => {
    try {
      return JSON.parse(await readFile(join(root, CHOICES), 'utf8')) as Partial<Record<ModelRole, string>>;
    } catch {
      return {};
    }
  };
  const pathsOf = (item: Manifest): Record<string, string> =>
    Object.fromEntries(
      item.files.map((file) => [file.name, file.linkedFrom ?? join(folder(item.id), file.name)]),
    );

  return {
    root,
    folder,
    compiledDir: join(root, 'compiled'),
    installed,
    manifest,
    writeManifest: (item) => writeJson(join(folder(item.id), MANIFEST), item),
    found: () => foundModels(),
    async remove(id) {
      if ((await stat(folder(id)).catch(() => null)) === null)
        throw await unknownModel(id, await installed());
      await rm(folder(id), { recursive: true, force: true }).catch((error: unknown) => {
        throw fileError(error, folder(id));
      });
    },
    async verify(id, signal) {
      const item = await manifest(id);
      if (item === null) throw await unknownModel(id, await installed());
      const problems: string[] = [];
      for (const file of item.files) {
        signal?.throwIfAborted();
        const path = pathsOf(item)[file.name] as string;
        const actual = await sha256File(path, signal).catch(() => null);
        if (actual === null) problems.push(`${file.name} is missing`);
        else if (actual !== file.sha256)
          problems.push(`${file.name} has changed: its SHA-256 is ${actual}, expected ${file.sha256}`);
      }
      return problems;
    },
    async chosen(role) {
      const here = (await installed()).filter((item) => item.role === role);
      const wish = (await choices())[role];
      if (wish !== undefined && (wish.includes(':') || here.some((item) => item.id === wish))) return wish;
      const byDefault = catalog.models.find((model) => model.role === role && model.isDefault === true);
      return (here.find((item) => item.id === byDefault?.id) ?? here[0])?.id ?? null;
    },
    async choose(role, id) {
      await writeJson(join(root, CHOICES), { ...(await choices()), [role]: id });
    },
    async filesOf(id) {
      if (id.includes(':')) {
        const found = (await foundModels()).find((model) => model.id === id);
        if (found !== undefined)
          return { manifest: foundManifest(found), paths: { 'model.gguf': found.file } };
      }
      const item = await manifest(id);
      if (item === null) {
        if (catalog.models.some((model) => model.id === id)) {
          throw new SottoError(
            `The model ${id} is not on this machine. Fetch it with \`sotto models pull ${id}\`.`,
            { code: 'model-missing', stage: 'models' },
          );
        }
        throw await unknownModel(id, await installed());
      }
      return { manifest: item, paths: pathsOf(item) };
    },
  };
}

function foundManifest(found: FoundModel): Manifest {
  return {
    id: found.id,
    title: found.id,
    role: 'chat',
    family: 'gguf',
    languages: ['*'],
    licence: 'as where it came from',
    files: [{ name: 'model.gguf', sizeBytes: found.sizeBytes, linkedFrom: found.file }],
  };
}

async function unknownModel(id: string, installed: readonly Manifest[]): Promise<SottoError> {
  const near = nearNames(
    id,
    installed.map((item) => item.id),
  );
  const hint =
    near.length > 0 ? `Did you mean ${near.join(' or ')}?` : 'Run `sotto models list` to see what is there.';
  return new SottoError(`There is no model “${id}” on this machine. ${hint}`, {
    code: 'unknown-model',
    stage: 'models',
  });
}

/** Whole or not at all. */
async function writeJson(path: string, value: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  try {
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(temporary, `${JSON.stringify(value, null, 2)}\n`);
    await rename(temporary, path);
  } catch (error) {
    throw fileError(error, path);
  }
}

/** The manifest of a catalogue model whose files arrived with these hashes. */
export function manifestOf(model: CatalogModel, files: readonly CatalogFile[]): Manifest {
  const { id, title, role, family, languages, licence } = model;
  return {
    id,
    title,
    role,
    family,
    languages,
    licence,
    ...(model.demonstration === undefined ? {} : { demonstration: model.demonstration }),
    files,
  };
}
