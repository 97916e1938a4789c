import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', '.git', '.cache']);
const MIB = 1024 * 1024;

/** The files of the repository; of the folder where it is an unpacked archive without git. */
function repositoryFiles(): readonly string[] {
  try {
    const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return listed.split('\n').filter((path) => path !== '' && statSync(path, { throwIfNoEntry: false }));
  } catch {
    return walk('.');
  }
}

function walk(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (SKIPPED_FOLDERS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? walk(path) : [path];
  });
}

const files = repositoryFiles();
const isText = (path: string): boolean => /\.(ts|mjs|cjs|json|md|py|sh|yml)$|^\.ci\/|^\.npmrc$/.test(path);
const isCode = (path: string): boolean => /^(src-main|scripts)\/.*\.(ts|mjs|cjs)$/.test(path);
const texts = files.filter((path) => isText(path) && path !== 'tests/contract/repository.test.ts');
const read = (path: string): string => readFileSync(path, 'utf8');

/** `path:line` of every line that matches. */
function matches(paths: readonly string[], pattern: RegExp): readonly string[] {
  return paths.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}`] : [])),
  );
}

describe('the repository', () => {
  it('is seen by these tests', () => {
    expect(files).toContain('package.json');
    expect(files.filter(isCode).length).toBeGreaterThan(50);
  });

  it('holds no file over 2 MiB: weights are fetched, never committed', () => {
    const heavy = files.filter((path) => statSync(path).size > 2 * MIB);
    expect(heavy).toEqual([]);
    expect(files.filter((path) => /\.(onnx|gguf|ort|safetensors|whl|tgz)$/.test(path))).toEqual([]);
  });

  it('keeps a source file to 400 lines', () => {
    const long = files.filter((path) => isCode(path) && read(path).split('\n').length > 401);
    expect(long).toEqual([]);
  });

  it('names no folder of the machine it was written on', () => {
    expect(matches(texts, /(?<![\w.])\/(work|root|home\/\w+|Users\/\w+)\/|\.\.\/shared\b/)).toEqual([]);
  });

  it('names no package registry: clients know theirs', () => {
    expect(
      matches(texts, /registry\.npmjs|registry\.yarnpkg|pypi\.org|pythonhosted|deb\.debian\.org/),
    ).toEqual([]);
  });

  it('leaves nothing unfinished', () => {
    expect(matches(files.filter(isCode), /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
  });

  it('never prints through console: what was said must not reach a log by accident', () => {
    expect(matches(files.filter(isCode), /\bconsole\.\w+\(/)).toEqual([]);
  });

  it('switches no rule off for a whole file', () => {
    expect(matches(files.filter(isCode), /@ts-nocheck|@ts-ignore|biome-ignore-all/)).toEqual([]);
  });

  it('runs no test alone and leaves none out', () => {
    const tests = files.filter((path) => /^tests\/.*\.ts$/.test(path));
    const left = /\b(it|test|describe)\.(only|skip|todo)\b|\b(xit|xdescribe|fit|fdescribe)\(/;
    expect(
      matches(
        tests.filter((path) => path !== 'tests/contract/repository.test.ts'),
        left,
      ),
    ).toEqual([]);
  });
});
