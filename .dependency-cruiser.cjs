/**
 * The folder table of ARCHITECTURE.md as rules. A folder may import only what its row names, so a new
 * folder has to be given its place before anything can reach it. tests/contract/folders.test.ts shows
 * that every rule bites.
 */
const SRC = '^src-main/';

/** Folder -> what it may import inside src-main (itself always). */
const MAY_IMPORT = {
  contract: [],
  core: ['contract'],
  engine: ['core', 'contract'],
  host: ['contract'],
  devices: ['core', 'contract'],
  flows: ['core', 'contract', 'host', 'devices'],
  leaves: ['engine', 'host', 'contract'],
  cli: ['flows', 'host', 'devices', 'core', 'contract', 'engine/models'],
};

/** Where processes begin; what none of them reaches is dead. */
const ENTRIES = `${SRC}(leaves/[^/]+|cli/main)\\.ts$`;

const folder = (name) => `${SRC}${name}/`;

const layerRules = Object.entries(MAY_IMPORT).map(([name, allowed]) => ({
  name: `${name}-imports`,
  comment: `src-main/${name} may import only: ${[name, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: folder(name) },
  to: { path: SRC, pathNot: [name, ...allowed].map(folder) },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'known-folders',
      comment: 'every folder of src-main stands in the table',
      severity: 'error',
      from: { path: SRC, pathNot: Object.keys(MAY_IMPORT).map(folder) },
      to: {},
    },
    {
      name: 'pure-core',
      comment: 'contract and core are pure TypeScript: no Node module, no package',
      severity: 'error',
      from: { path: `${SRC}(contract|core)/` },
      to: {
        dependencyTypes: [
          'core',
          'npm',
          'npm-dev',
          'npm-optional',
          'npm-peer',
          'npm-no-pkg',
          'npm-unknown',
          'unknown',
          'undetermined',
        ],
      },
    },
    {
      name: 'one-ort-import',
      comment: 'one file decides threads, providers and in-place inputs for every session',
      severity: 'error',
      from: { path: SRC, pathNot: `${SRC}engine/runtime/ort\\.ts$` },
      to: { path: 'onnxruntime' },
    },
    {
      name: 'main-side-never-reaches-ort',
      comment:
        'run() blocks its thread: nothing in the main process may load ONNX Runtime, however indirectly',
      severity: 'error',
      from: { path: `${SRC}(cli|flows|host|devices|engine/models)/` },
      to: { path: 'onnxruntime', reachable: true },
    },
    {
      name: 'store-knows-no-engine',
      comment: 'the command line uses the model store, so the store must not drag the engines into it',
      severity: 'error',
      from: { path: folder('engine/models') },
      to: { path: folder('engine'), pathNot: folder('engine/models') },
    },
    {
      name: 'engines-apart',
      comment: 'a leaf is one capability: asr, chat and tts share only runtime and core',
      severity: 'error',
      from: { path: `${SRC}engine/(asr|chat|tts)/` },
      to: { path: `${SRC}engine/`, pathNot: [`${SRC}engine/$1/`, folder('engine/runtime')] },
    },
    {
      name: 'runtime-below-engines',
      severity: 'error',
      from: { path: folder('engine/runtime') },
      to: { path: folder('engine'), pathNot: folder('engine/runtime') },
    },
    {
      name: 'flows-know-only-seams',
      comment: 'a flow sees leaves and devices through types; the shells hand it the real ones',
      severity: 'error',
      from: { path: folder('flows') },
      to: {
        path: ['host', 'devices'].map(folder),
        pathNot: `${SRC}devices/ports\\.ts$`,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-electron-outside-desktop',
      severity: 'error',
      from: { path: SRC, pathNot: `${SRC}(desktop|preload)/` },
      to: { path: '^(node_modules/)?electron(/|$)' },
    },
    {
      name: 'no-tools-in-the-product',
      comment: 'a package of devDependencies, or one package.json does not name, is absent in production',
      severity: 'error',
      from: { path: SRC },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm', 'npm-optional', 'type-only'],
        pathNot: '^(naudiodon|decibri)$',
      },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unreachable',
      comment: 'a module that no process reaches is dead or forgotten',
      severity: 'error',
      from: { path: ENTRIES },
      to: { path: SRC, pathNot: [ENTRIES, '\\.d\\.ts$'], reachable: false },
    },
    {
      name: 'resolvable',
      comment: 'the audio packages are optional: either may be missing on a machine',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, path: '.', pathNot: '^(naudiodon|decibri)$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.cjs', '.js', '.json'],
    },
  },
};
