/** The command line in a process of its own: what it prints, its exit codes, and bad input of every kind. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resample } from '../../src-main/core/audio/resample.ts';
import { recording } from '../helpers/asr.ts';
import { buildCli, STACK_TRACE, sotto } from '../helpers/cli.ts';
import { wavFile } from '../helpers/wavFile.ts';
import { wer, wordErrors } from '../helpers/wer.ts';

const SPEECH = 'read/sense_and_sensibility_01_austen_64kb-0880.wav';
const SAID = 'He was not an ill-disposed young man.';
let folder = '';
let speech: Float32Array;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-cli-'));
  speech = await recording(SPEECH);
  await buildCli();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const file = async (name: string, data: Uint8Array | string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, data);
  return path;
};

describe('transcribe', () => {
  const shapes = {
    'a header that lies about its length': () => wavFile(speech, { rateHz: 16_000, claimedBytes: 4e9 }),
    '8 bit': () => wavFile(speech, { rateHz: 16_000, bits: 8 }),
    '24 bit': () => wavFile(speech, { rateHz: 16_000, bits: 24 }),
    'float samples': () => wavFile(speech, { rateHz: 16_000, bits: 32, float: true }),
    'six channels': () => wavFile(speech, { rateHz: 16_000, channels: 6 }),
    '8 kHz': () => wavFile(resample(speech, 16_000, 8_000), { rateHz: 8_000 }),
    '192 kHz': () => wavFile(resample(speech, 16_000, 192_000), { rateHz: 192_000 }),
  };

  it('reads WAV files of every kind, and gives one JSON object a line', async () => {
    const names = Object.keys(shapes) as (keyof typeof shapes)[];
    const paths = await Promise.all(names.map((name, i) => file(`kind${i}.wav`, shapes[name]())));
    const { code, stdout, stderr } = await sotto(['transcribe', '--json', ...paths]);
    expect(code, stderr).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(paths.length);
    lines.forEach((line, i) => {
      const result = JSON.parse(line) as {
        file: string;
        text: string;
        language: string;
        segments: { startMs: number; endMs: number; text: string }[];
      };
      expect(Object.keys(result).sort()).toEqual(['file', 'language', 'segments', 'text']);
      expect(result.file).toBe(paths[i]);
      expect(result.language).toBe('en');
      expect(wer(wordErrors(SAID, result.text)), `${names[i]}: ${result.text}`).toBeLessThan(0.35);
      const [segment] = result.segments;
      expect(segment?.endMs).toBeGreaterThan(segment?.startMs ?? Number.NaN);
    });
    expect(stderr).toContain('ends before its header says');
  });

  it('hears nothing in silence, noise and tones, and says so', async () => {
    const seconds = 5 * 16_000;
    const quiet = await file('silence.wav', wavFile(new Float32Array(seconds), { rateHz: 16_000 }));
    let seed = 7;
    const noise = Float32Array.from({ length: seconds }, () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return (seed / 2 ** 31 - 0.5) * 0.4;
    });
    const noisy = await file('noise.wav', wavFile(noise, { rateHz: 16_000 }));
    const tones = Float32Array.from(
      { length: seconds },
      (_, i) => 0.2 * Math.sin((i / 16_000) * 2 * Math.PI * 220 * 2 ** (Math.floor(i / 4000) / 12)),
    );
    const music = await file('music.wav', wavFile(tones, { rateHz: 16_000 }));
    const none = await file('none.wav', wavFile(new Float32Array(0), { rateHz: 16_000 }));
    const { code, stdout, stderr } = await sotto(['transcribe', quiet, noisy, music, none]);
    expect(code).toBe(0);
    expect(stdout.trim()).toBe('');
    expect(stderr.match(/no speech was heard/g)).toHaveLength(4);
  });

  it('names each file that cannot be read, goes on with the others, and exits with 1', async () => {
    const empty = await file('empty.wav', '');
    const text = await file('text.mp3', 'not a recording');
    const odd = await file('odd.wav', wavFile(speech, { rateHz: 0 }));
    const good = await file('good.wav', wavFile(speech, { rateHz: 16_000 }));
    const { code, stdout, stderr } = await sotto([
      'transcribe',
      empty,
      text,
      odd,
      folder,
      join(folder, 'not-there.wav'),
      good,
    ]);
    expect(code).toBe(1);
    expect(wer(wordErrors(SAID, stdout))).toBeLessThan(0.35);
    const lines = stderr.trim().split('\n');
    expect(lines).toHaveLength(5);
    expect(lines[0]).toContain('is empty');
    expect(lines[3]).toContain('is a folder');
    expect(lines[4]).toContain('does not exist');
    expect(stderr).not.toMatch(STACK_TRACE);
  });

  it('reads a pipe, writes subtitles', async () => {
    const input = wavFile(speech, { rateHz: 16_000 });
    const { code, stdout } = await sotto(['transcribe', '-', '--srt'], { input });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1\n00:00:0\d,\d{3} --> 00:00:0\d,\d{3}\nHe was not/);
  });

  it('leaves no file where it cannot write', async () => {
    const good = await file('again.wav', wavFile(speech, { rateHz: 16_000 }));
    const out = join(folder, 'no-such-folder', 'out.txt');
    const missing = await sotto(['transcribe', good, '--out', out]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('cannot be written');
    const full = await sotto(['transcribe', good, '--out', '/dev/full']);
    expect(full.code).toBe(1);
    expect(full.stderr).toContain('disk is full');
    expect((await readdir('/dev')).filter((name) => name.startsWith('full'))).toEqual(['full']);
  });
});

describe('say', () => {
  it('gives every word its characters and times with --words', async () => {
    const text = 'Hello 😀 world, 3 **bold** words.';
    const out = join(folder, 'said.wav');
    const { code, stdout, stderr } = await sotto(['say', text, '--words', '--out', out]);
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as {
      text: string;
      sampleRateHz: number;
      words: { text: string; start: number; end: number; startMs: number; endMs: number }[];
    };
    expect(report.text).toBe(text);
    expect(report.words.map(({ start, end }) => text.slice(start, end))).toEqual([
      'Hello',
      'world',
      '3',
      'bold',
      'words',
    ]);
    const wav = await readFile(out);
    const lastMs = report.words.at(-1)?.endMs ?? 0;
    const audioMs = ((wav.readUInt32LE(40) / 2) * 1000) / report.sampleRateHz;
    expect(wav.readUInt32LE(40)).toBe(wav.length - 44);
    expect(lastMs).toBeGreaterThan(500);
    expect(lastMs).toBeLessThanOrEqual(audioMs + 1);
    let before = 0;
    for (const { startMs, endMs } of report.words) {
      expect(startMs).toBeGreaterThanOrEqual(before);
      expect(endMs).toBeGreaterThan(startMs);
      before = endMs - 0.1;
    }
  });

  it('speaks right-to-left text, control characters and bytes that are no UTF-8', async () => {
    const out = join(folder, 'odd.wav');
    for (const input of [
      'שלום, how are you?',
      'Hello\u0000\u0007\u001b[31m there',
      Buffer.from([0x63, 0xff, 0x20, 0x68, 0x69]),
    ]) {
      const { code, stderr } = await sotto(['say', '-', '--out', out], { input });
      expect(code, stderr).toBe(0);
      expect((await readFile(out)).length).toBeGreaterThan(5000);
    }
  });

  it('refuses what has nothing to say, and leaves no file', async () => {
    const out = join(folder, 'nothing.wav');
    for (const input of ['', ' \n ', '😀 …']) {
      const { code, stderr } = await sotto(['say', '-', '--out', out], { input });
      expect(code).toBe(1);
      expect(stderr).toContain('nothing to say');
    }
    expect(await readdir(folder)).not.toContain('nothing.wav');
  });

  it('writes whole files only: a full disk and a folder that is not there are said', async () => {
    const full = await sotto(['say', 'Hello there.', '--out', '/dev/full']);
    expect(full.code).toBe(1);
    expect(full.stderr).toContain('disk is full');
    const missing = await sotto(['say', 'Hello.', '--out', join(folder, 'nowhere', 'x.wav')]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('cannot be written');
    expect(full.stderr + missing.stderr).not.toMatch(STACK_TRACE);
  });

  it('ends at Ctrl-C with 130 in mid-text, leaves no file and no process', async () => {
    // Without a space, and far longer than the test: only the interruption ends it.
    const out = join(folder, 'long.wav');
    let children: string[] = [];
    const { code, stderr } = await sotto(['say', '-', '--out', out], {
      input: 'a'.repeat(100_000),
      during: (pid, kill) => {
        setTimeout(() => {
          children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
          kill('SIGINT');
        }, 3000);
      },
    });
    expect(code).toBe(130);
    expect(stderr).not.toMatch(STACK_TRACE);
    expect((await readdir(folder)).filter((name) => name.startsWith('long'))).toEqual([]);
    expect(children.filter((pid) => pid !== '')).toHaveLength(1);
    await expect
      .poll(() => children.filter((pid) => existsSync(`/proc/${pid}`)), { timeout: 5000 })
      .toEqual([]);
  });
});

describe('talk', () => {
  it('answers a recording and prints the turn as one JSON object', async () => {
    const out = join(folder, 'reply.wav');
    const question = resolve('assets/sample-question.wav');
    const args = ['talk', '--in', question, '--out', out, '--json', '--seed', '1', '--max-tokens', '24'];
    const { code, stdout, stderr } = await sotto(args);
    expect(code, stderr).toBe(0);
    const turn = JSON.parse(stdout) as {
      heard: string;
      reply: string;
      marksMs: { [name: string]: number };
    };
    expect(turn.heard.toLowerCase()).toContain('capital of france');
    expect(turn.reply).not.toBe('');
    expect(Object.keys(turn.marksMs).sort()).toEqual(
      [
        'asrFinal',
        'firstAudible',
        'firstAudio',
        'firstBlock',
        'firstClause',
        'firstToken',
        'keyDown',
        'keyUp',
        'lastSpeech',
      ].sort(),
    );
    expect((await readFile(out)).length).toBeGreaterThan(10_000);
  });

  it('says what to do without a microphone or a speaker', async () => {
    const env = {
      XDG_RUNTIME_DIR: join(folder, 'no-sound'),
      PULSE_SERVER: '',
      PULSE_RUNTIME_PATH: '',
    };
    const speaker = await sotto(['say', 'Hello.'], { env });
    expect(speaker.code).toBe(1);
    expect(speaker.stderr).toMatch(/speaker/i);
    expect(speaker.stderr).toContain('--out');
    const microphone = await sotto(['talk'], { env });
    expect(microphone.code).toBe(1);
    expect(microphone.stderr).toMatch(/microphone/i);
    expect(microphone.stderr).toContain('--in');
    expect(speaker.stderr + microphone.stderr).not.toMatch(STACK_TRACE);
  });
});

describe('arguments', () => {
  it.each([
    { args: ['tlak'], says: 'Did you mean talk', code: 2 },
    { args: ['talk', '--inn', 'x'], says: "'--inn'", code: 2 },
    { args: ['say', 'hi', '--speed', '99'], says: '0.5 to 6', code: 2 },
    { args: ['say', 'hi', '--speed', 'fast'], says: '0.5 to 6', code: 2 },
    { args: ['say', 'hi', '--voice', 'nosuch'], says: 'sotto models list', code: 1 },
    { args: ['chat', 'hi', '--model', 'smollm2-135m'], says: 'Did you mean smollm2-135m', code: 1 },
    { args: ['models', 'pull', 'qwen3-06b'], says: 'Did you mean qwen3-0.6b', code: 1 },
    { args: ['models', 'frob'], says: 'models frob', code: 2 },
    { args: ['transcribe'], says: 'Which recording', code: 2 },
    { args: [], says: '', code: 2 },
  ])('$args ends with $code and one clear line', async ({ args, says, code }) => {
    const run = await sotto(args);
    expect(run.code).toBe(code);
    expect(run.stderr).toContain(says);
    expect(run.stderr.trim().split('\n').length).toBe(1);
    expect(run.stderr).not.toMatch(STACK_TRACE);
  });

  it('has help for every command and tells its version', async () => {
    const help = await sotto(['--help']);
    const commands = [...help.stdout.matchAll(/^ {2}sotto ([a-z]+) /gm)].map((match) => match[1] as string);
    expect(commands.length).toBeGreaterThan(5);
    for (const command of commands) {
      const { code, stdout, stderr } = await sotto([command, '--help']);
      expect([command, code, stderr]).toEqual([command, 0, '']);
      expect(stdout).toContain(`sotto ${command}`);
    }
    expect((await sotto(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('ends quietly when its reader goes away', () => {
    const program = `${process.execPath} ${resolve('dist/cli/sotto.cjs')}`;
    const output = execFileSync('sh', ['-c', `${program} models list --json | head -n 1`], {
      encoding: 'utf8',
    });
    expect(JSON.parse(output)).toHaveProperty('id');
  });
});

describe('models that are not as they should be', () => {
  it('says which is missing and how to fetch it', async () => {
    const env = { SOTTO_HOME: join(folder, 'empty-home') };
    const { code, stderr } = await sotto(['say', 'hello', '--out', join(folder, 'x.wav')], { env });
    expect(code).toBe(1);
    expect(stderr).toContain('sotto models pull');
    expect(stderr).not.toMatch(STACK_TRACE);
  });
});
