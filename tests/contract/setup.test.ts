import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { usesDemonstration } from '../../scripts/lib/offer.mjs';
import { readableTail } from '../../scripts/lib/run.mjs';
import { contentHash, isStamped, stamp } from '../../scripts/lib/stamp.mjs';
import { installAdvice, missingFor, REQUIREMENTS, resolveNames } from '../../scripts/lib/system-packages.mjs';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sotto-setup-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a module of source against scripts/ in a Node of its own. */
function node(args: readonly string[], input = '') {
  return spawnSync(process.execPath, [...args], { encoding: 'utf8', input });
}
const step = JSON.stringify(`file://${resolve('scripts/lib/step.mjs')}`);
const run = JSON.stringify(`file://${resolve('scripts/lib/run.mjs')}`);

describe('a stamp', () => {
  it('holds for the same contents and falls with any change, addition, or renaming', () => {
    const source = join(folder, 'src');
    const mark = join(folder, 'deep', '.stamp');
    mkdirSync(source);
    writeFileSync(join(source, 'a'), 'one');
    const first = contentHash([source]);
    expect(isStamped(mark, first)).toBe(false);
    stamp(mark, first);
    expect(isStamped(mark, contentHash([source]))).toBe(true);

    writeFileSync(join(source, 'a'), 'two');
    const changed = contentHash([source]);
    writeFileSync(join(source, 'b'), '');
    const added = contentHash([source]);
    rmSync(join(source, 'a'));
    writeFileSync(join(source, 'c'), 'two');
    const renamed = contentHash([source]);
    expect(new Set([first, changed, added, renamed]).size).toBe(4);
    expect(isStamped(mark, added)).toBe(false);
  });

  it('of a path that is not there is not an error', () => {
    expect(contentHash([join(folder, 'absent')])).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('system packages', () => {
  const item = (name: string, present: boolean, needed = true) => ({
    packages: [name],
    reason: `why ${name}`,
    present: () => present,
    for: ['start' as const],
    needed,
  });

  it('asks only for what the purpose needs and the machine lacks', () => {
    const all = [item('here', true), item('gone', false)];
    expect(missingFor('start', all).map((one) => one.packages[0])).toEqual(['gone']);
    expect(missingFor('test', all)).toEqual([]);
  });

  it('takes the name the distribution has', () => {
    const missing = [item('newName|oldName', false)];
    expect(resolveNames(missing, (name: string) => name === 'newName')).toEqual(['newName']);
    expect(resolveNames(missing, () => false)).toEqual(['oldName']);
  });

  it('says what for, and the one command', () => {
    const missing = [item('thing', false)];
    const advice = installAdvice(missing, ['thing']);
    expect(advice).toContain('why thing');
    expect(advice).toContain('sudo apt-get install -y --no-install-recommends thing');
  });

  it('are each given a reason', () => {
    for (const requirement of REQUIREMENTS) expect(requirement.reason.length).toBeGreaterThan(10);
  });
});

describe('a step', () => {
  it('is silent on stdout and ends with its name, what to do and code 1', () => {
    const source = `import { step, SetupError } from ${step};
      await step('Quiet', async () => {});
      await step('Weights', async () => { throw new SetupError('disk full: free 300 MB'); });
      process.stdout.write('never');`;
    const result = node(['--input-type=module', '-e', source]);
    expect(result.status).toBe(1);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(
      /stopped at “Weights”[\s\S]*disk full: free 300 MB[\s\S]*run the same command/,
    );
    expect(result.stderr).not.toMatch(/Quiet|at file:/);
  });
});

describe('handing over to a command', () => {
  it('passes stdin, stdout and the exit code through', () => {
    const child = "process.stdin.pipe(process.stdout); process.stdin.on('end', () => process.exitCode = 7)";
    const source = `import { become } from ${run}; become(process.execPath, ['-e', ${JSON.stringify(child)}]);`;
    const result = node(['--input-type=module', '-e', source], 'through and through');
    expect(result.status).toBe(7);
    expect(result.stdout).toBe('through and through');
    expect(result.stderr).toBe('');
  });

  it('passes a signal on and waits for the command to end by itself', async () => {
    const child =
      "process.on('SIGTERM', () => setTimeout(() => process.exit(5), 50)); setInterval(() => {}, 1e3); process.stdout.write('up')";
    const source = `import { become } from ${run}; become(process.execPath, ['-e', ${JSON.stringify(child)}]);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    parent.kill('SIGTERM');
    expect(await once(parent, 'exit')).toEqual([5, null]);
  });

  it('turns a fatal signal into 128 + its number', () => {
    const source = `import { become } from ${run}; become(process.execPath, ['-e', 'process.kill(process.pid, "SIGKILL")']);`;
    expect(node(['--input-type=module', '-e', source]).status).toBe(137);
  });
});

describe("a program's last words", () => {
  it('keep what helps and lose stack frames and error objects', () => {
    const output = [
      'npm error code ECONNREFUSED',
      'npm error FetchError: request to http://host/ failed',
      'npm error     at ClientRequest.<anonymous> (/usr/lib/node_modules/x.js:130:14)',
      'npm error     at process.processTicksAndRejections (node:internal/process/task_queues:83:21) {',
      "npm error   code: 'ECONNREFUSED',",
      'npm error   port: 9,',
      'npm error }',
      'npm error',
      'E: Unable to locate package nothing',
    ];
    expect(readableTail(output.join('\n'))).toBe(
      [output[0], output[1], 'E: Unable to locate package nothing'].join('\n'),
    );
  });
});

describe('the offer of a better chat model', () => {
  const catalog = { models: [{ id: 'small', demonstration: true }, { id: 'good' }] };
  const row = (id: string, role: string, used: boolean) => `${JSON.stringify({ id, role, used })}\n`;

  it('is made where the chat model in use is a demonstration, and nowhere else', () => {
    const small = row('voice', 'tts', true) + row('small', 'chat', true) + row('good', 'chat', false);
    const good = row('small', 'chat', false) + row('good', 'chat', true);
    expect(usesDemonstration(small, catalog)).toBe(true);
    expect(usesDemonstration(good, catalog)).toBe(false);
    expect(usesDemonstration(row('own.gguf', 'chat', true), catalog)).toBe(false);
    expect(usesDemonstration('', catalog)).toBe(false);
  });
});

describe('an old Node', () => {
  const check = resolve('scripts/lib/node-check.cjs');

  it('is told what is needed, with no stack trace', () => {
    const fake = "Object.defineProperty(process.versions, 'node', { value: '12.22.12' });";
    const result = node(['-e', `${fake} require(${JSON.stringify(check)});`]);
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('Sotto needs Node 20 or newer; this is Node 12.22.12');
    expect(result.stderr).not.toMatch(/\n {4}at /);
  });

  it('is asked before anything it could not parse', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      scripts: { [name: string]: string };
    };
    for (const name of ['start', 'test', 'soak', 'bench', 'sotto', 'setup'])
      expect(scripts[name]).toMatch(/^node -r \.\/scripts\/lib\/node-check\.cjs /);
    expect(readFileSync(check, 'utf8')).not.toMatch(/=>|\b(const|let|class|async|import)\b|`|\?\./);
  });
});
