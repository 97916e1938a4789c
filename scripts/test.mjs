/**
 * `npm test`: set-up, the static checks, every test project, and one closing line `N passed, N failed`.
 * Each static check counts as one test, so that a lint failure is a failed test and not a footnote.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from './setup.mjs';

await setup('test');

const node = process.execPath;
const CHECKS = [
  ['lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']],
  ['types', ['node_modules/typescript/bin/tsc', '-p', '.']],
  [
    'dependency rules',
    [
      'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
      '--config',
      '.dependency-cruiser.cjs',
      'src-main',
    ],
  ],
];

let passed = 0;
let failed = 0;
for (const [title, args] of CHECKS) {
  const result = spawnSync(node, args, { stdio: ['ignore', 'pipe', 'pipe'], encoding: 'utf8' });
  if (result.status === 0) {
    passed += 1;
    process.stdout.write(`✓ ${title}\n`);
  } else {
    failed += 1;
    process.stdout.write(`✗ ${title}\n${result.stdout}${result.stderr}\n`);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'sotto-test-'));
const report = join(folder, 'report.json');
const args = [
  'node_modules/vitest/vitest.mjs',
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
];
for (const project of ['unit', 'contract', 'process', 'models']) args.push('--project', project);
spawnSync(node, [...args, ...process.argv.slice(2)], { stdio: ['ignore', 'inherit', 'inherit'] });
try {
  const results = JSON.parse(readFileSync(report, 'utf8'));
  passed += results.numPassedTests;
  // A file that could not be loaded has no test of its own: it counts as one failure.
  const broken = results.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  failed += results.numFailedTests + broken.length;
  if (results.numTotalTests === 0) failed += 1;
} catch {
  process.stdout.write('The test runner ended without a report.\n');
  failed += 1;
}
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
