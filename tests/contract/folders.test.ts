import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * A small tree that obeys the folder table, with one offender a rule. Each offender is reachable from an
 * entry, so that nothing but its own rule can name it.
 */
const LAWFUL: { readonly [path: string]: string } = {
  'contract/types.ts': 'export interface Types { readonly a: 1 }',
  'core/pure.ts': "import type { Types } from '../contract/types.ts'; export const pure: Types = { a: 1 };",
  'engine/runtime/ort.ts': "import { Tensor } from 'onnxruntime-node'; export const ort = Tensor;",
  'engine/models/store.ts': "import { pure } from '../../core/pure.ts'; export const store = pure;",
  'engine/asr/asrLeaf.ts': "import { ort } from '../runtime/ort.ts'; export const asr = ort;",
  'engine/tts/ttsLeaf.ts': "import { ort } from '../runtime/ort.ts'; export const tts = ort;",
  'host/serve.ts': "import type { Types } from '../contract/types.ts'; export const serve = (t: Types) => t;",
  'devices/ports.ts': "import { pure } from '../core/pure.ts'; export const ports = pure;",
  'devices/speaker.ts': "import { ports } from './ports.ts'; export const speaker = ports;",
  'flows/turn.ts': "import { ports } from '../devices/ports.ts'; export const turn = ports;",
  'leaves/asr.ts':
    "import { asr } from '../engine/asr/asrLeaf.ts'; import { serve } from '../host/serve.ts'; export const leaf = [asr, serve];",
  'leaves/tts.ts': "import { tts } from '../engine/tts/ttsLeaf.ts'; export const leaf = tts;",
};

interface Offender {
  readonly rule: string;
  readonly file: string;
  readonly source: string;
}

const importing = (from: string): string =>
  `import * as other from '${from}'; export const offender = other;`;
const OFFENDERS: readonly Offender[] = [
  { rule: 'contract-imports', file: 'contract/offender.ts', source: importing('../core/pure.ts') },
  { rule: 'core-imports', file: 'core/offenderLayer.ts', source: importing('../host/serve.ts') },
  { rule: 'pure-core', file: 'core/offenderNode.ts', source: importing('node:fs') },
  { rule: 'pure-core', file: 'core/offenderPackage.ts', source: importing('yauzl') },
  { rule: 'engine-imports', file: 'engine/asr/offenderLayer.ts', source: importing('../../host/serve.ts') },
  { rule: 'engines-apart', file: 'engine/asr/offenderApart.ts', source: importing('../tts/ttsLeaf.ts') },
  { rule: 'one-ort-import', file: 'engine/asr/offenderOrt.ts', source: importing('onnxruntime-node') },
  {
    rule: 'store-knows-no-engine',
    file: 'engine/models/offender.ts',
    source: importing('../asr/asrLeaf.ts'),
  },
  {
    rule: 'runtime-below-engines',
    file: 'engine/runtime/offender.ts',
    source: importing('../asr/asrLeaf.ts'),
  },
  { rule: 'host-imports', file: 'host/offender.ts', source: importing('../core/pure.ts') },
  { rule: 'devices-imports', file: 'devices/offender.ts', source: importing('../host/serve.ts') },
  { rule: 'flows-imports', file: 'flows/offenderLayer.ts', source: importing('../engine/models/store.ts') },
  {
    rule: 'flows-know-only-seams',
    file: 'flows/offenderSeam.ts',
    source: importing('../devices/speaker.ts'),
  },
  { rule: 'leaves-imports', file: 'leaves/offender.ts', source: importing('../core/pure.ts') },
  { rule: 'cli-imports', file: 'cli/offender.ts', source: importing('../engine/asr/asrLeaf.ts') },
  { rule: 'host-imports', file: 'host/offenderCli.ts', source: importing('../cli/main.ts') },
  { rule: 'main-side-never-reaches-ort', file: 'devices/far.ts', source: importing('../core/farther.ts') },
  { rule: 'no-tools-in-the-product', file: 'host/offenderTool.ts', source: importing('esbuild') },
  { rule: 'no-electron-outside-desktop', file: 'host/offenderElectron.ts', source: importing('electron') },
  { rule: 'resolvable', file: 'host/offenderLost.ts', source: importing('./lost.ts') },
  { rule: 'no-circular', file: 'host/circleA.ts', source: importing('./circleB.ts') },
  { rule: 'known-folders', file: 'attic/offender.ts', source: importing('../core/pure.ts') },
];
const HELPERS: { readonly [path: string]: string } = {
  'core/farther.ts': importing('../engine/asr/offenderOrt.ts'),
  'host/circleB.ts': importing('./circleA.ts'),
};

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

/** Runs the project's own rules over a tree of sources and returns what they object to. */
function violationsOf(sources: { readonly [path: string]: string }): readonly Violation[] {
  const root = mkdtempSync(join(tmpdir(), 'sotto-rules-'));
  try {
    for (const [path, text] of Object.entries(sources)) {
      const file = join(root, 'src-main', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    for (const name of ['tsconfig.json', 'package.json', 'node_modules'])
      symlinkSync(resolve(name), join(root, name));
    const result = spawnSync(
      process.execPath,
      [
        resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
        '--config',
        resolve('.dependency-cruiser.cjs'),
        '--output-type',
        'json',
        'src-main',
      ],
      { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    const report = JSON.parse(result.stdout) as { summary: { violations: Violation[] } };
    return report.summary.violations;
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const main = (files: readonly string[]): string =>
  files
    .map((file, index) => `import * as m${index} from '../${file}'; export const x${index} = m${index};`)
    .join('\n');
const show = ({ from, to, rule }: Violation): string => `${rule.name}: ${from} -> ${to}`;

describe('the folder table', () => {
  it('lets a lawful tree pass', () => {
    const entry = main(['flows/turn.ts', 'devices/speaker.ts', 'engine/models/store.ts']);
    expect(violationsOf({ ...LAWFUL, 'cli/main.ts': entry }).map(show)).toEqual([]);
  });

  it('finds a module that no process reaches', () => {
    const entry = main(['flows/turn.ts', 'devices/speaker.ts', 'engine/models/store.ts']);
    const tree = { ...LAWFUL, 'cli/main.ts': entry, 'core/dead.ts': importing('./pure.ts') };
    expect(violationsOf(tree).map(({ rule, to }) => `${rule.name}: ${to}`)).toEqual([
      'no-unreachable: src-main/core/dead.ts',
    ]);
  });
});

describe('each rule bites', () => {
  let violations: readonly Violation[] = [];

  beforeAll(() => {
    const offenders = Object.fromEntries(OFFENDERS.map(({ file, source }) => [file, source]));
    violations = violationsOf({
      ...LAWFUL,
      ...HELPERS,
      ...offenders,
      'cli/main.ts': main(OFFENDERS.map(({ file }) => file)),
    });
  });

  afterAll(() => {
    violations = [];
  });

  it.each(OFFENDERS)('$rule refuses $file', ({ rule, file }) => {
    const named = violations.filter(({ from }) => from === `src-main/${file}`).map((one) => one.rule.name);
    expect(named).toContain(rule);
  });
});
