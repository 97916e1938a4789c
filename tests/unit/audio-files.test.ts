import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sniffAudio } from '../../src-main/devices/files/audioKind.ts';
import { openAudioFile } from '../../src-main/devices/files/openAudioFile.ts';
import { audioDir, recording } from '../helpers/asr.ts';

const formats = join(audioDir, 'formats');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-files-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function written(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

async function read(path: string, signal?: AbortSignal) {
  const file = await openAudioFile(path, signal);
  const blocks: Float32Array[] = [];
  for await (const block of file.blocks) blocks.push(block);
  const pcm = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
  let at = 0;
  for (const block of blocks) {
    pcm.set(block, at);
    at += block.length;
  }
  return { ...file, pcm, longest: Math.max(0, ...blocks.map((block) => block.length)) };
}

/** Normalised cross-correlation at the best lag within 60 ms. */
function likeness(a: Float32Array, b: Float32Array): number {
  let best = 0;
  for (let lag = -960; lag <= 960; lag += 1) {
    let ab = 0;
    let aa = 0;
    let bb = 0;
    for (let n = 1_000; n < Math.min(a.length, b.length) - 1_000; n += 3) {
      const x = a[n] ?? 0;
      const y = b[n + lag] ?? 0;
      ab += x * y;
      aa += x * x;
      bb += y * y;
    }
    best = Math.max(best, ab / Math.sqrt(aa * bb));
  }
  return best;
}

describe('openAudioFile', () => {
  it.each([
    ['question.flac', 'flac', 0.9999],
    ['question.mp3', 'mp3', 0.98],
    ['question.opus', 'opus', 0.9],
    ['question.ogg', 'vorbis', 0.95],
  ])('reads %s as 16 kHz mono, whatever it is called', async (name, kind, atLeast) => {
    const original = await recording('questions/question_1_af_heart.wav');
    const path = await written(`${name}.txt`, await readFile(join(formats, name)));
    const file = await read(path);
    expect(file.kind).toBe(kind);
    expect(file.rateHz).toBe(16_000);
    expect(Math.abs(file.pcm.length - original.length)).toBeLessThan(16_000 * 0.08);
    expect(file.longest).toBeLessThanOrEqual(16_000);
    expect(likeness(original, file.pcm)).toBeGreaterThan(atLeast);
    expect(file.warnings()).toEqual([]);
  });

  it('knows how long a WAV or FLAC is before reading it', async () => {
    const wav = await openAudioFile(join(audioDir, 'questions/question_1_af_heart.wav'));
    expect(wav.durationMs).toBeCloseTo(2_100, -1);
    const flac = await openAudioFile(join(formats, 'question.flac'));
    expect(flac.durationMs).toBeCloseTo(2_100, -1);
  });

  it.each(['question.flac', 'question.mp3', 'question.opus', 'question.ogg'])(
    'gives the audio that a cut %s still holds',
    async (name) => {
      const bytes = await readFile(join(formats, name));
      const whole = await read(join(formats, name));
      const cut = await read(await written(name, bytes.subarray(0, Math.floor(bytes.length * 0.7))));
      expect(cut.pcm.length).toBeGreaterThan(whole.pcm.length * 0.4);
      expect(cut.pcm.length).toBeLessThan(whole.pcm.length * 0.9);
    },
  );

  it.each(['question.flac', 'question.mp3', 'question.opus', 'question.ogg'])(
    'answers a damaged %s with audio or a clear error, never with a crash',
    async (name) => {
      const original = await readFile(join(formats, name));
      for (const from of [40, 300, 2_000]) {
        const bytes = Uint8Array.from(original);
        for (let at = from; at < Math.min(bytes.length, from + 1_500); at++) bytes[at] = (at * 73) & 255;
        const path = await written(`damaged-${from}-${name}`, bytes);
        const result = await read(path).catch((error: unknown) => error);
        if (result instanceof Error) expect(result).toMatchObject({ name: 'SottoError', code: 'bad-file' });
        else
          for (const sample of (result as { pcm: Float32Array }).pcm)
            expect(Math.abs(sample)).toBeLessThanOrEqual(1);
      }
    },
  );

  it('warns of a WAV that ends before its header says', async () => {
    const bytes = await readFile(join(audioDir, 'questions/question_1_af_heart.wav'));
    const file = await read(await written('cut.wav', bytes.subarray(0, 20_000)));
    expect(file.pcm.length).toBeGreaterThan(9_000);
    expect(file.warnings()).toEqual([expect.stringContaining('ends before its header says')]);
  });

  it.each([
    ['an empty file', new Uint8Array(0), 'bad-file', 'is empty'],
    ['text', 'Dear diary, nothing was recorded today.', 'bad-file', 'not a recording'],
    ['an M4A', '\0\0\0\x20ftypM4A \0\0\0\0', 'unsupported-format', 'MP4/M4A'],
    ['an AAC stream', Uint8Array.of(0xff, 0xf1, 0x50, 0x80, 0, 0, 0), 'unsupported-format', 'AAC'],
    ['an MP3 header with nothing behind it', Uint8Array.of(0xff, 0xfb, 0x90, 0x64), 'bad-file', 'no audio'],
    ['a FLAC header with nothing behind it', 'fLaC', 'bad-file', 'no audio'],
    ['a cut ID3 tag', 'ID3\x04\0\0\0\0\x0f\x76', 'bad-file', 'is empty'],
  ])('refuses %s', async (_name, bytes, code, message) => {
    const path = await written('bad', bytes);
    await expect(read(path)).rejects.toMatchObject({
      name: 'SottoError',
      code,
      message: expect.stringContaining(message),
    });
  });

  it('says what is wrong with a path', async () => {
    await expect(read(join(folder, 'nobody.wav'))).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('does not exist'),
    });
    await expect(read(folder)).rejects.toMatchObject({
      code: 'bad-file',
      message: expect.stringContaining('is a folder'),
    });
  });

  it('stops with the reason it was cancelled for', async () => {
    const cancel = new AbortController();
    const file = await openAudioFile(join(audioDir, 'questions/question_1_af_heart.wav'), cancel.signal);
    const reason = new Error('enough');
    const all = async () => {
      for await (const _block of file.blocks) cancel.abort(reason);
    };
    await expect(all()).rejects.toBe(reason);
  });
});

describe('sniffAudio', () => {
  it('looks behind an ID3 tag', () => {
    expect(sniffAudio(Uint8Array.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 1, 5]))).toEqual({
      kind: 'id3',
      tagBytes: 143,
    });
  });
  it('does not take every byte of ones for MP3', () => {
    expect(sniffAudio(new Uint8Array(64).fill(0xff))).toEqual({ kind: 'unknown' });
  });
});
