/**
 * `npm test`: set-up, the static checks, every test project, and one closing line `N passed, N failed`.
 *
 * Each static check counts as one test, so that a lint failure is a failed test and not a footnote. A test
 * file that does not load, an error outside any test and an empty run count as failures. Arguments go to
 * vitest: `npm test -- tests/unit` runs those files.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setup } from './setup.mjs';

/** A build machine gives the whole run 45 minutes; a hung test must still leave time to say so. */
const VITEST_LIMIT_MS = 40 * 60_000;

const TSC = 'node_modules/typescript/bin/tsc';
const CHECKS = [
  ['lint and format', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']],
  ['types', [TSC, '-p', '.']],
  ['types of contract and core without a platform', [TSC, '-p', 'tsconfig.core.json']],
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
const PROJECTS = ['unit', 'contract', 'process', 'models'];

/** Runs a Node program; `output` is what it printed when `keep` is set, else it prints to our own output. */
function runNode(args, { keep, limitMs }) {
  return new Promise((resolve) => {
    const output = keep ? 'pipe' : 'inherit';
    const child = spawn(process.execPath, args, { stdio: ['ignore', output, output], timeout: limitMs });
    const chunks = [];
    child.stdout?.on('data', (data) => chunks.push(data));
    child.stderr?.on('data', (data) => chunks.push(data));
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code) => resolve({ ok: code === 0, output: Buffer.concat(chunks).toString() }));
  });
}

/** The static checks side by side; returns how many passed and failed. */
async function runChecks() {
  const results = await Promise.all(
    CHECKS.map(async ([title, args]) => ({
      title,
      ...(await runNode(args, { keep: true, limitMs: VITEST_LIMIT_MS })),
    })),
  );
  for (const { title, ok, output } of results)
    process.stdout.write(ok ? `✓ ${title}\n` : `✗ ${title}\n${output}\n`);
  const passed = results.filter((result) => result.ok).length;
  return { passed, failed: results.length - passed };
}

/** Counts from vitest's own JSON report. */
function countReport(report, exitedWell) {
  const passed = report.numPassedTests;
  // A file that could not be loaded has no test of its own: it counts as one failure.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  const failed = report.numFailedTests + broken.length;
  const nothingRan = passed + failed === 0;
  if (nothingRan) process.stdout.write('No test ran.\n');
  // Vitest also fails for an error thrown outside any test.
  return { passed, failed: failed === 0 && (!exitedWell || nothingRan) ? 1 : failed };
}

async function runTests(extraArgs) {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-test-'));
  try {
    const file = join(folder, 'report.json');
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
    const projects = PROJECTS.flatMap((name) => ['--project', name]);
    const { ok } = await runNode(
      ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...projects, ...extraArgs],
      { keep: false, limitMs: VITEST_LIMIT_MS },
    );
    return countReport(JSON.parse(readFileSync(file, 'utf8')), ok);
  } catch {
    process.stdout.write('The test runner ended without a report.\n');
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await setup('test');
const checks = await runChecks();
const tests = await runTests(process.argv.slice(2));
const failed = checks.failed + tests.failed;
process.stdout.write(`${checks.passed + tests.passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
