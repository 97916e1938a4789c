/** `sotto models`: what is there, what can be fetched, and fetching it. */
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { CatalogModel } from '../contract/catalog.ts';
import { CATALOG, catalogModel } from '../engine/models/catalog.ts';
import { importModel } from '../engine/models/importModel.ts';
import { pullModel } from '../engine/models/pull.ts';
import { recommendChat } from '../engine/models/recommend.ts';
import { type ModelStore, openStore } from '../engine/models/store.ts';
import { parse, usage } from './args.ts';
import { EXIT, type Io } from './io.ts';
import { createProgress } from './progress.ts';

export const MODELS_HELP = `sotto models list [--json]              what is here, what can be fetched
sotto models pull ID… | --default | --recommended
                 [--from FOLDER] [--accept-licence]
sotto models use ID                    the model to use for its role
sotto models verify [ID…]              check every file's SHA-256
sotto models import PATH [--link]      a Piper voice, a GGUF file, a Moonshine folder
sotto models remove ID…
sotto models where                     the folder all of this lies in
`;

const OPTIONS = {
  json: { type: 'boolean' },
  default: { type: 'boolean' },
  recommended: { type: 'boolean' },
  from: { type: 'string' },
  link: { type: 'boolean' },
  'accept-licence': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parse<typeof OPTIONS>>['values'];

/** Runs the command; resolves to the exit code. */
export async function runModelsCommand(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS, 'models');
  const [verb, ...ids] = positionals;
  if (values.help === true || verb === undefined) {
    io.out(MODELS_HELP);
    return values.help === true ? EXIT.ok : EXIT.usage;
  }
  const store = openStore();
  switch (verb) {
    case 'list':
      return list(store, io, values.json === true);
    case 'where':
      io.out(`${store.root}\n`);
      return EXIT.ok;
    case 'pull':
      return pull(store, io, ids, values);
    case 'use':
      return use(store, io, one(ids, 'use'));
    case 'verify':
      return verify(store, io, ids);
    case 'import': {
      const manifest = await importModel(store, one(ids, 'import'), {
        link: values.link === true,
        signal: io.signal,
      });
      io.err(
        `Imported ${manifest.title} as ${manifest.id}. Use it with \`sotto models use ${manifest.id}\`.\n`,
      );
      return EXIT.ok;
    }
    case 'remove':
      if (ids.length === 0) throw usage('Which model is to be removed?', 'models');
      for (const id of ids) await store.remove(id);
      return EXIT.ok;
    default:
      throw usage(`There is no “models ${verb}”.`, 'models');
  }
}

function one(ids: readonly string[], verb: string): string {
  const [id, ...rest] = ids;
  if (id === undefined || rest.length > 0) throw usage(`“models ${verb}” takes one name.`, 'models');
  return id;
}

async function list(store: ModelStore, io: Io, json: boolean): Promise<number> {
  const installed = await store.installed();
  const here = new Set(installed.map((item) => item.id));
  const found = await store.found();
  const rows = [
    ...installed.map((item) => ({
      ...item,
      isHere: true,
      sizeBytes: item.files.reduce((sum, file) => sum + file.sizeBytes, 0),
    })),
    ...found.map((item) => ({
      id: item.id,
      title: item.id,
      role: 'chat' as const,
      languages: ['*'],
      licence: '',
      isHere: true,
      sizeBytes: item.sizeBytes,
    })),
    ...CATALOG.models
      .filter((model) => !here.has(model.id))
      .map((model) => ({ ...model, isHere: false, sizeBytes: sizeOf(model) })),
  ];
  const chosen = new Set(
    await Promise.all((['asr', 'vad', 'chat', 'tts'] as const).map((role) => store.chosen(role))),
  );
  if (json) {
    for (const { id, title, role, languages, licence, isHere, sizeBytes } of rows) {
      io.out(
        `${JSON.stringify({ id, title, role, languages, licence, installed: isHere, used: chosen.has(id), sizeBytes })}\n`,
      );
    }
    return EXIT.ok;
  }
  for (const role of ['asr', 'vad', 'chat', 'tts'] as const) {
    io.out(`${role}\n`);
    for (const row of rows.filter((item) => item.role === role)) {
      const mark = chosen.has(row.id) ? '▶' : row.isHere ? '●' : ' ';
      const demo = 'demonstration' in row && row.demonstration === true ? ', demonstration' : '';
      io.out(
        `  ${mark} ${row.id.padEnd(34)} ${mb(row.sizeBytes).padStart(8)}  ${row.languages.slice(0, 4).join(' ')}  ${row.licence}${demo}\n`,
      );
    }
  }
  io.out('▶ in use   ● on this machine   the others: sotto models pull ID\n');
  return EXIT.ok;
}

const sizeOf = (model: CatalogModel): number => model.files.reduce((sum, file) => sum + file.sizeBytes, 0);
const mb = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1e6))} MB`;

async function pull(store: ModelStore, io: Io, ids: readonly string[], values: Values): Promise<number> {
  const wanted: CatalogModel[] = ids.map((id) => catalogModel(id));
  if (values.default === true) wanted.push(...CATALOG.models.filter((model) => model.isDefault === true));
  const recommended = values.recommended === true ? await recommendation(store) : null;
  if (recommended !== null) wanted.push(recommended);
  if (wanted.length === 0) {
    if (values.recommended === true) {
      io.err('No better chat model of the catalogue fits this machine; the one in use stays.\n');
      return EXIT.ok;
    }
    throw usage('Which model is to be fetched?', 'models');
  }
  for (const model of wanted) {
    const progress = createProgress(io, `Fetching ${model.title}`, 'bytes');
    const done = new Map<string, number>();
    const total = sizeOf(model);
    try {
      const fetched = await pullModel(store, model, {
        signal: io.signal,
        acceptLicence: values['accept-licence'] === true,
        ...(values.from === undefined ? {} : { from: values.from }),
        onWait: () => io.err(`Another program is fetching ${model.title}; waiting for it.\n`),
        onProgress: (file, bytes) => {
          done.set(file.name, bytes);
          progress.update(
            [...done.values()].reduce((sum, value) => sum + value, 0),
            total,
          );
        },
      });
      progress.finish();
      if (fetched) io.err(`✓ ${model.title} (${mb(total)}, ${model.licence})\n`);
    } catch (error) {
      progress.finish();
      throw error;
    }
  }
  if (recommended !== null) await store.choose('chat', recommended.id);
  return EXIT.ok;
}

async function recommendation(store: ModelStore): Promise<CatalogModel | null> {
  const disk = await statfs(store.root).catch(() => null);
  const best = recommendChat(
    {
      totalMemoryBytes: totalmem(),
      freeDiskBytes: disk === null ? Number.POSITIVE_INFINITY : disk.bavail * disk.bsize,
    },
    CATALOG,
  );
  return best?.model ?? null;
}

async function use(store: ModelStore, io: Io, id: string): Promise<number> {
  const { manifest } = await store.filesOf(id);
  await store.choose(manifest.role, id);
  io.err(`${manifest.title} is now used for ${manifest.role}.\n`);
  return EXIT.ok;
}

async function verify(store: ModelStore, io: Io, ids: readonly string[]): Promise<number> {
  const all = ids.length > 0 ? ids : (await store.installed()).map((item) => item.id);
  let wrong = 0;
  for (const id of all) {
    const problems = await store.verify(id, io.signal);
    wrong += problems.length;
    io.out(problems.length === 0 ? `✓ ${id}\n` : problems.map((problem) => `✗ ${id}: ${problem}\n`).join(''));
  }
  if (wrong > 0)
    io.err('Remove what is wrong and fetch it again: sotto models remove ID && sotto models pull ID\n');
  return wrong === 0 ? EXIT.ok : EXIT.error;
}
