import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly optionalDependencies?: { readonly [name: string]: string };
}
interface Manifest {
  readonly dependencies?: { readonly [name: string]: string };
  readonly devDependencies?: { readonly [name: string]: string };
  readonly optionalDependencies?: { readonly [name: string]: string };
}

/** Licences whose code a GPL-3.0-or-later program may be shipped with. */
const COMPATIBLE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'GPL-3.0',
  'GPL-3.0-only',
  'GPL-3.0-or-later',
  'ISC',
  'LGPL-2.1-or-later',
  'LGPL-3.0-or-later',
  'MIT',
  'MPL-2.0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** Terms of an SPDX expression: every AND part must be compatible, one OR part is enough. */
function isCompatible(expression: string): boolean {
  return expression
    .replace(/[()]/g, '')
    .split(/\s+AND\s+/)
    .every((part) => part.split(/\s+OR\s+/).some((term) => COMPATIBLE.has(term.trim())));
}

const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;
const manifest = json<Manifest>('package.json');
const lock = json<{ packages: { [path: string]: LockedPackage } }>('package-lock.json').packages;
const locked = Object.entries(lock).filter(([path]) => path !== '');
const shipped = locked.filter(([, entry]) => entry.dev !== true);

describe('licences', () => {
  it('reads SPDX expressions', () => {
    expect(isCompatible('MIT')).toBe(true);
    expect(isCompatible('(GPL-2.0-only OR MIT)')).toBe(true);
    expect(isCompatible('MIT AND CC-BY-NC-4.0')).toBe(false);
    expect(isCompatible('GPL-2.0-only')).toBe(false);
    expect(isCompatible('SEE LICENSE IN LICENSE')).toBe(false);
  });

  it('of everything shipped go with GPL-3.0-or-later', () => {
    const wrong = shipped
      .map(([path, entry]) => {
        const own = `${path}/package.json`;
        const named = existsSync(own) ? json<{ license?: string }>(own).license : entry.license;
        return [path, entry.license ?? named ?? 'none'] as const;
      })
      .filter(([, licence]) => !isCompatible(licence));
    expect(wrong).toEqual([]);
    expect(shipped.length).toBeGreaterThan(5);
  });

  it('are the ones in LICENSE and package.json', () => {
    expect(readFileSync('LICENSE', 'utf8')).toMatch(/GNU GENERAL PUBLIC LICENSE\s+Version 3/);
    expect(json<{ license: string }>('package.json').license).toBe('GPL-3.0-or-later');
  });
});

describe('the lock file', () => {
  it('names no host, so that each client asks its own registry', () => {
    expect(locked.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
  });

  it('pins a version for every package, and a hash for all that can be installed here', () => {
    expect(locked.filter(([, entry]) => entry.version === undefined).map(([path]) => path)).toEqual([]);
    const unhashed = locked.filter(
      ([path, entry]) => entry.integrity === undefined && existsSync(`${path}/package.json`),
    );
    expect(unhashed.map(([path]) => path)).toEqual([]);
  });

  it('names the packages of every platform: a clean install refuses a lock file that leaves one out', () => {
    const left = locked.flatMap(([path, entry]) =>
      Object.keys(entry.optionalDependencies ?? {}).filter(
        (name) => !(`node_modules/${name}` in lock || `${path}/node_modules/${name}` in lock),
      ),
    );
    expect(left).toEqual([]);
  });
});

describe('package.json', () => {
  it('pins exact versions', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies };
    const loose = Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version));
    expect(loose).toEqual([]);
  });
});
