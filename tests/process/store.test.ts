/** Fetching models from servers and networks as they are: cut, lying, stalling, used by two at once. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogModel } from '../../src-main/contract/catalog.ts';
import { pullModel } from '../../src-main/engine/models/pull.ts';
import { fetchFile } from '../../src-main/engine/models/sources/download.ts';
import { type ModelStore, openStore } from '../../src-main/engine/models/store.ts';
import { type Answer, type FileServer, honest, serveFiles } from '../helpers/fileServer.ts';

const DATA = randomBytes(600_000);
const SHA256 = createHash('sha256').update(DATA).digest('hex');
const PATH = '/voice.onnx';

let home = '';
let child = '';
let server: FileServer | null = null;
let store: ModelStore;

beforeAll(async () => {
  child = await mkdtemp(join(tmpdir(), 'sotto-pull-'));
  await build({
    entryPoints: { pullChild: 'tests/helpers/pullChild.ts' },
    outdir: child,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    packages: 'external',
  });
  // Packages are looked up from the program's place.
  await mkdir(join(child, 'node_modules'), { recursive: true });
});
afterAll(() => rm(child, { recursive: true, force: true }));
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sotto-home-'));
  store = openStore(home);
});
afterEach(async () => {
  await server?.close();
  server = null;
  await rm(home, { recursive: true, force: true });
});

const serve = async (answer: Answer): Promise<string> => {
  server = await serveFiles(answer);
  return server.base;
};
const whole = honest(new Map([[PATH, DATA]]), new Map([[PATH, SHA256]]));

const model = (base: string, change: Partial<CatalogModel> = {}): CatalogModel => ({
  id: 'test-voice',
  title: 'Test voice',
  role: 'tts',
  family: 'piper',
  languages: ['en'],
  licence: 'MIT',
  permissive: true,
  memoryBytes: 1,
  files: [{ name: 'voice.onnx', sizeBytes: DATA.length, sha256: SHA256 }],
  sources: [{ kind: 'web', base, paths: { 'voice.onnx': 'voice.onnx' } }],
  ...change,
});

const pull = (of: CatalogModel, options: { readonly acceptLicence?: boolean } = {}): Promise<boolean> =>
  pullModel(store, of, { signal: new AbortController().signal, ...options });
const stored = (): Promise<Buffer> => readFile(join(store.folder('test-voice'), 'voice.onnx'));
const modelFolders = (): Promise<string[]> => readdir(join(home, 'models')).catch(() => []);

/** Ends the connection after so many bytes of each answer. */
const cutting =
  (bytes: number): Answer =>
  (request, response) => {
    if (request.method === 'HEAD') return whole(request, response);
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': DATA.length - from });
    response.write(DATA.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20));
  };

describe('a pull', () => {
  it('stores the file with its hash, and does nothing the second time', async () => {
    const base = await serve(whole);
    expect(await pull(model(base))).toBe(true);
    expect((await stored()).equals(DATA)).toBe(true);
    expect((await store.manifest('test-voice'))?.files[0]?.sha256).toBe(SHA256);
    expect((await readdir(store.folder('test-voice'))).sort()).toEqual(['sotto-model.json', 'voice.onnx']);
    expect(await pull(model(base))).toBe(false);
    expect(await store.verify('test-voice')).toEqual([]);
  });

  it('goes on where a cut connection left off', async () => {
    const base = await serve(cutting(200_000));
    await pull(model(base));
    expect((await stored()).equals(DATA)).toBe(true);
    const ranges = server?.asked
      .filter((line) => line.startsWith('GET'))
      .map((line) => line.split(' ')[2] ?? '');
    expect(ranges?.[0]).toBe('');
    expect(ranges?.slice(1).every((range) => Number(/\d+/.exec(range)?.[0]) > 0)).toBe(true);
    expect(ranges?.length).toBeGreaterThan(2);
  });

  it('keeps what arrived when it gives up, and needs only the rest the next time', async () => {
    const base = await serve(cutting(60_000));
    await expect(pull(model(base))).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('run the same command again'),
    });
    expect(await store.manifest('test-voice')).toBeNull();
    await server?.close();
    const again = await serve(whole);
    await pull(model(again));
    expect((await stored()).equals(DATA)).toBe(true);
    expect(server?.asked.find((line) => line.startsWith('GET'))).toMatch(/bytes=[1-9]\d*-/);
  });

  it('does not splice two versions of a file', async () => {
    const old = randomBytes(DATA.length);
    const noHash = { files: [{ name: 'voice.onnx', sizeBytes: DATA.length }] };
    const base = await serve((request, response) => {
      if (request.method === 'HEAD')
        return void response
          .writeHead(200, { etag: `"${createHash('sha256').update(old).digest('hex')}"` })
          .end();
      response.writeHead(200, { 'content-length': old.length });
      response.write(old.subarray(0, 50_000), () => setTimeout(() => response.destroy(), 20));
    });
    await expect(pull(model(base, noHash))).rejects.toMatchObject({ code: 'network' });
    await server?.close();
    await pull(model(await serve(whole), noHash));
    expect((await stored()).equals(DATA)).toBe(true);
  });

  it('begins anew where the server knows no ranges', async () => {
    let first = true;
    const base = await serve((request, response) => {
      if (request.method === 'HEAD') return whole(request, response);
      response.writeHead(200, { 'content-length': DATA.length });
      if (!first) return void response.end(DATA);
      first = false;
      response.write(DATA.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    });
    await pull(model(base));
    expect((await stored()).equals(DATA)).toBe(true);
  });

  it.each([
    { name: 'other bytes', body: randomBytes(DATA.length) },
    { name: 'more than there is', body: Buffer.concat([DATA, DATA]) },
    { name: 'an error page', body: Buffer.from('<html>Please log in to the hotel network</html>') },
  ])('throws $name away and says so', async ({ body }) => {
    const base = await serve((request, response) => {
      if (request.method === 'HEAD') return void response.writeHead(200).end();
      response.writeHead(200, { 'content-length': body.length }).end(body);
    });
    const failed = await pull(model(base)).catch((error: unknown) => error);
    expect(failed).toMatchObject({ stage: 'models', retryable: true });
    expect(['checksum', 'network']).toContain((failed as { code: string }).code);
    expect(await store.manifest('test-voice')).toBeNull();
    expect(await stored().catch(() => 'none')).toBe('none');
  });

  it('tries again after a server error, and not after a file that is not there', async () => {
    let failures = 2;
    const base = await serve((request, response) => {
      if (failures-- > 0) return void response.writeHead(503).end();
      whole(request, response);
    });
    await pull(model(base));
    expect((await stored()).equals(DATA)).toBe(true);
    await server?.close();
    const empty = await serve(honest(new Map(), new Map()));
    await expect(pull(model(empty, { id: 'other-voice' }))).rejects.toMatchObject({
      code: 'network',
      message: expect.stringContaining('does not have it'),
    });
    expect(server?.asked).toHaveLength(1);
    // Nothing that looks like a model is left.
    expect(await modelFolders()).toEqual(['test-voice']);
  });

  it('gives up on a server that stops sending', async () => {
    const base = await serve((request, response) => {
      if (request.method === 'HEAD') return whole(request, response);
      response.writeHead(200, { 'content-length': DATA.length });
      response.write(DATA.subarray(0, 1000));
    });
    const folder = await mkdtemp(join(home, 'stall-'));
    const { files } = model(base);
    const file = files[0] as (typeof files)[number];
    const context = {
      model: model(base),
      files,
      folder,
      onProgress: () => {},
      signal: new AbortController().signal,
    };
    await expect(
      fetchFile({ url: `${base}${PATH}`, server: 'the server', stallMs: 100 }, file, context),
    ).rejects.toMatchObject({ code: 'network', message: expect.stringContaining('stalled') });
  });

  it('shows a licence that restricts use before anything is fetched', async () => {
    const base = await serve(whole);
    const restricted = model(base, {
      permissive: false,
      licence: 'CC-BY-NC-4.0',
      licenceNote: 'No commerce.',
    });
    await expect(pull(restricted)).rejects.toMatchObject({
      code: 'licence-not-accepted',
      message: expect.stringMatching(/CC-BY-NC-4\.0.*No commerce.*--accept-licence/),
    });
    expect(server?.asked).toEqual([]);
    expect(await pull(restricted, { acceptLicence: true })).toBe(true);
  });

  it('says before fetching when it cannot fit', async () => {
    const base = await serve(whole);
    const files = [{ name: 'voice.onnx', sizeBytes: 1e15, sha256: SHA256 }];
    await expect(pull(model(base, { files }))).rejects.toMatchObject({
      code: 'disk-full',
      message: expect.stringContaining('SOTTO_HOME'),
    });
    expect(server?.asked).toEqual([]);
    expect(await modelFolders()).toEqual([]);
  });

  it('says when its home cannot be written', async () => {
    const base = await serve(whole);
    const file = join(home, 'a-file');
    await writeFile(file, '');
    await expect(
      pullModel(openStore(join(file, 'below')), model(base), { signal: new AbortController().signal }),
    ).rejects.toMatchObject({ code: 'not-writable', message: expect.stringContaining('SOTTO_HOME') });
  });
});

describe('processes', () => {
  const start = (of: CatalogModel): { process: ChildProcess; output: Promise<string> } => {
    const made = spawn(process.execPath, [join(child, 'pullChild.cjs'), home, JSON.stringify(of)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_PATH: join(process.cwd(), 'node_modules') },
    });
    const output = new Promise<string>((resolve) => {
      let text = '';
      made.stdout?.on('data', (data) => {
        text += data;
      });
      made.on('close', () => resolve(text));
    });
    return { process: made, output };
  };
  const slow: Answer = (request, response) => {
    if (request.method === 'HEAD') return whole(request, response);
    setTimeout(() => whole(request, response), 1500);
  };

  it('that pull the same model at once fetch it once', async () => {
    const of = model(await serve(slow));
    const runs = [start(of), start(of)];
    const outputs = (await Promise.all(runs.map((run) => run.output))).map((text) =>
      text.trim().split('\n').at(-1),
    );
    expect(outputs.sort()).toEqual(['fetched', 'was there']);
    expect(server?.asked.filter((line) => line.startsWith('GET'))).toHaveLength(1);
    expect((await stored()).equals(DATA)).toBe(true);
  });

  it('that are killed in mid-fetch leave nothing that stops the next', async () => {
    const of = model(
      await serve((request, response) => {
        if (request.method === 'HEAD') return whole(request, response);
        response.writeHead(200, { 'content-length': DATA.length });
        response.write(DATA.subarray(0, 300_000));
      }),
    );
    const { process: killed, output } = start(of);
    const part = join(store.folder('test-voice'), 'voice.onnx.part');
    await expect
      .poll(
        () =>
          readFile(part).then(
            (bytes) => bytes.length,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(300_000);
    killed.kill('SIGKILL');
    await output;
    expect(await store.manifest('test-voice')).toBeNull();
    await server?.close();
    const again = model(await serve(whole));
    expect(await start(again).output).toBe('fetched\n');
    expect((await stored()).equals(DATA)).toBe(true);
    expect(server?.asked.find((line) => line.startsWith('GET'))).toContain('bytes=300000-');
  });
});
