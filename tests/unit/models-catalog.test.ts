import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog, CatalogModel } from '../../src-main/contract/catalog.ts';
import { CATALOG, catalogModel, catalogProblems } from '../../src-main/engine/models/catalog.ts';
import { foundModels } from '../../src-main/engine/models/found.ts';
import { importModel } from '../../src-main/engine/models/importModel.ts';
import { nearNames } from '../../src-main/engine/models/nearNames.ts';
import { recommendChat } from '../../src-main/engine/models/recommend.ts';
import { openStore } from '../../src-main/engine/models/store.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-models-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('the catalogue', () => {
  it('is sound, and names what a user with a network would want', () => {
    expect(catalogProblems(CATALOG)).toEqual([]);
    const defaults = CATALOG.models.filter((model) => model.isDefault === true).map(({ role }) => role);
    expect(defaults.sort()).toEqual(['asr', 'chat', 'tts', 'vad']);
    const voices = CATALOG.models.filter((model) => model.role === 'tts');
    expect(new Set(voices.flatMap(({ languages }) => languages)).size).toBeGreaterThanOrEqual(20);
    for (const id of ['moonshine-base-en', 'qwen3-0.6b-q8_0', 'qwen3-1.7b-q8_0'])
      expect(catalogModel(id).memoryBytes).toBeGreaterThan(0);
  });

  it('names each fault of one that is not', () => {
    const good = CATALOG.models[0] as CatalogModel;
    const wrong = (change: Partial<CatalogModel>): string[] =>
      catalogProblems({ version: 1, models: [{ ...good, ...change }] } as Catalog);
    expect(wrong({})).toEqual([]);
    expect(wrong({ id: '../up' })).toHaveLength(1);
    expect(wrong({ files: [] })).toContain(`${good.id}: has no files`);
    expect(wrong({ sources: [] })).toContain(`${good.id}: has no source`);
    const files = [{ name: '../x', sizeBytes: 0, sha256: 'abc' }];
    expect(wrong({ files }).length).toBeGreaterThanOrEqual(3);
    expect(catalogProblems({ version: 1, models: [good, good] })).toContain(`${good.id}: is there twice`);
  });
});

describe('a name that is not there', () => {
  const names = ['qwen3-0.6b-q8_0', 'qwen3-1.7b-q8_0', 'piper-de_DE-thorsten-medium', 'silero-vad'];
  it.each([
    ['qwen3-06b', 'qwen3-0.6b-q8_0'],
    ['thorsten', 'piper-de_DE-thorsten-medium'],
    ['SILERO_VAD', 'silero-vad'],
    ['sliero-vad', 'silero-vad'],
  ])('%s suggests %s', (typed, meant) => {
    expect(nearNames(typed, names)[0]).toBe(meant);
  });
  it('suggests nothing when nothing is near', () => {
    expect(nearNames('completely-different', names)).toEqual([]);
  });
});

describe('the recommended chat model', () => {
  const disk = { freeDiskBytes: 1e12 };
  it('is never the demonstration, and grows with the memory', () => {
    const small = recommendChat({ totalMemoryBytes: 4e9, ...disk }, CATALOG)?.model;
    const large = recommendChat({ totalMemoryBytes: 32e9, ...disk }, CATALOG)?.model;
    expect(small?.demonstration ?? false).toBe(false);
    expect(large?.parametersB ?? 0).toBeGreaterThanOrEqual(small?.parametersB ?? 0);
    expect(large?.id).toContain('1.7b');
  });
  it('stays within the measured speed', () => {
    // 80 tokens a second with 135 M: 1.7 B would give 6, which no voice can wait for; 0.6 B gives 18.
    const measured = { tokensPerSecond: 80, parametersB: 0.135 };
    expect(recommendChat({ totalMemoryBytes: 32e9, ...disk, measured }, CATALOG)?.model.id).toBe(
      'qwen3-0.6b-q8_0',
    );
  });
  it('is none where nothing fits', () => {
    expect(recommendChat({ totalMemoryBytes: 1e9, ...disk }, CATALOG)).toBeNull();
    expect(recommendChat({ totalMemoryBytes: 32e9, freeDiskBytes: 1e8 }, CATALOG)).toBeNull();
  });
});

describe('models other programs hold', () => {
  const put = async (path: string, data: string): Promise<void> => {
    await mkdir(join(folder, path, '..'), { recursive: true });
    await writeFile(join(folder, path), data);
  };
  const digest = `sha256:${'ab'.repeat(32)}`;
  const manifest = JSON.stringify({
    layers: [{ mediaType: 'application/vnd.ollama.image.model', digest }],
  });

  it('are found in the layouts of Ollama and LM Studio', async () => {
    await put(`ollama/blobs/${digest.replace(':', '-')}`, 'GGUF');
    await put('ollama/manifests/registry.ollama.ai/library/llama3.2/1b', manifest);
    await put('ollama/manifests/registry.ollama.ai/someone/fine/latest', manifest);
    await put('.lmstudio/models/maker/model/model.Q4_K_M.gguf', 'GGUFX');
    const found = await foundModels({ OLLAMA_MODELS: join(folder, 'ollama') }, folder);
    expect(found.map(({ id, sizeBytes }) => [id, sizeBytes])).toEqual([
      ['lmstudio:maker/model/model.Q4_K_M', 5],
      ['ollama:llama3.2:1b', 4],
      ['ollama:someone/fine:latest', 4],
    ]);
  });

  it('are left out when their manifest is broken, points outside, or their file is gone', async () => {
    await put('ollama/manifests/host/library/cut/1', manifest.slice(0, 30));
    await put('ollama/manifests/host/library/gone/1', manifest);
    const outside = manifest.replace(digest, 'sha256:../../../etc/passwd');
    await put('ollama/manifests/host/library/evil/1', outside);
    expect(await foundModels({ OLLAMA_MODELS: join(folder, 'ollama') }, folder)).toEqual([]);
  });
});

describe('an import', () => {
  const refused = async (name: string, data: string | Uint8Array): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, data);
    const store = openStore(join(folder, 'home'));
    const error = await importModel(store, path).then(
      () => new Error('taken in'),
      (reason: Error) => reason,
    );
    expect(await store.installed()).toEqual([]);
    return error.message;
  };

  it('refuses what cannot work, by name', async () => {
    expect(await refused('notes.txt', 'hello')).toContain('notes.txt');
    expect(await refused('empty.gguf', '')).not.toContain('taken in');
    expect(await refused('cut.gguf', Buffer.from('GGUF\x03\x00\x00\x00', 'latin1'))).not.toContain(
      'taken in',
    );
    expect(await refused('voice.onnx', 'x')).toContain('voice.onnx.json');
    await writeFile(join(folder, 'bad.onnx.json'), '{ "no": "voice" }');
    expect(await refused('bad.onnx', 'x')).not.toContain('taken in');
  });

  it('takes a Piper voice, whole', async () => {
    const config = {
      audio: { sample_rate: 22050 },
      espeak: { voice: 'en-us' },
      language: { code: 'en_US' },
      phoneme_id_map: { _: [0], '^': [1], $: [2], a: [3] },
      num_speakers: 1,
    };
    await writeFile(join(folder, 'mine.onnx'), Buffer.alloc(2_000_000, 1));
    await writeFile(join(folder, 'mine.onnx.json'), JSON.stringify(config));
    const store = openStore(join(folder, 'home'));
    const manifest = await importModel(store, join(folder, 'mine.onnx'));
    expect(manifest).toMatchObject({ role: 'tts', family: 'piper' });
    expect(await store.verify(manifest.id)).toEqual([]);
    await writeFile(join(store.folder(manifest.id), 'mine.onnx'), 'other weights');
    expect((await store.verify(manifest.id))[0]).toContain('has changed');
  });
});
