/**
 * The folder table of ARCHITECTURE.md as rules. A rule that names what a folder *may* import forbids all
 * else, so a new folder has to be given its place before anything can reach it.
 */
const SRC = '^src-main/';

/** folder -> what it may import inside src-main (itself always). */
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

const layerRules = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  comment: `src-main/${folder} may import only: ${[folder, ...allowed].join(', ')}`,
  severity: 'error',
  from: { path: `${SRC}${folder}/` },
  to: { path: SRC, pathNot: [folder, ...allowed].map((name) => `${SRC}${name}/`) },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'pure-core',
      comment: 'contract and core are pure TypeScript: no Node module, no package',
      severity: 'error',
      from: { path: `${SRC}(contract|core)/` },
      to: { dependencyTypes: ['core', 'npm', 'npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'one-ort-import',
      comment: 'onnxruntime-node blocks the thread it runs on: one import, and only leaves reach it',
      severity: 'error',
      from: { path: SRC, pathNot: `${SRC}engine/runtime/ort\\.ts$` },
      to: { path: 'onnxruntime' },
    },
    {
      name: 'main-side-never-reaches-ort',
      comment:
        'run() blocks its thread: nothing in the main process may load ONNX Runtime, however indirectly',
      severity: 'error',
      from: { path: `${SRC}(cli|flows|host|devices)/` },
      to: { path: 'onnxruntime', reachable: true },
    },
    {
      name: 'flows-know-only-seams',
      comment: 'a flow sees leaves and devices through types; the shells hand it the real ones',
      severity: 'error',
      from: { path: `${SRC}flows/` },
      to: {
        path: [`${SRC}host/`, `${SRC}devices/`],
        pathNot: `${SRC}devices/ports\\.ts$`,
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'no-electron-outside-desktop',
      severity: 'error',
      from: { path: SRC, pathNot: `${SRC}(desktop|preload)/` },
      to: { path: '^electron$' },
    },
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-orphans',
      comment: 'a module nothing imports is dead or forgotten',
      severity: 'error',
      from: { orphan: true, path: SRC, pathNot: [`${SRC}leaves/`, `${SRC}cli/main\\.ts$`] },
      to: {},
    },
    {
      name: 'resolvable',
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
