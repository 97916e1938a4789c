import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AsrEvent, AsrLoad, LeafHandlers } from '../../src-main/contract/leaf.ts';
import { createAsrHandlers } from '../../src-main/engine/asr/asrLeaf.ts';
import {
  asrLoad,
  hiss,
  type ListenRun,
  listen,
  loadAsr,
  recording,
  references,
  splice,
} from '../helpers/asr.ts';
import { addErrors, normalizeEnglish, wer, wordErrors } from '../helpers/wer.ts';

let asr: LeafHandlers<'asr'>;
beforeAll(async () => {
  asr = await loadAsr();
});

type Kind = AsrEvent['kind'];
function of<K extends Kind>(run: ListenRun, kind: K): (AsrEvent & { readonly kind: K })[] {
  return run.events.flatMap(({ event }) =>
    event.kind === kind ? [event as AsrEvent & { readonly kind: K }] : [],
  );
}

const question = 'questions/question_1_af_heart.wav';
const words = (text: string) => normalizeEnglish(text).join(' ');

describe('accuracy', () => {
  it.each(['file', 'hold'] as const)(
    '%s: at most 6 %% of the words of tests/audio are wrong',
    async (mode) => {
      const errors = [];
      for (const [path, reference] of await references()) {
        const { result } = await listen(asr, await recording(path), { mode });
        errors.push(wordErrors(reference, result.text));
      }
      expect(addErrors(errors).words).toBeGreaterThan(120);
      expect(wer(addErrors(errors))).toBeLessThanOrEqual(0.06);
    },
  );

  it('hears a recording 30 dB too quiet, one 20 dB too loud, and one in noise', async () => {
    const pcm = await recording('questions/question_4_bm_george.wav');
    const noise = hiss(pcm.length / 16 + 800, 0.02, 7);
    const spliced = splice(400, pcm, 400);
    for (const audio of [
      spliced.map((x) => x * 0.03),
      spliced.map((x) => Math.max(-1, Math.min(1, x * 10))),
      spliced.map((x, i) => x + (noise[i] ?? 0)),
    ]) {
      const { result } = await listen(asr, audio, { mode: 'file' });
      expect(words(result.text)).toBe('remind me why the sky is blue');
    }
  });
});

describe('block sizes', () => {
  it.each(['file', 'hold'] as const)('%s: the same result for any', async (mode) => {
    const audio = splice(300, await recording('read/cards_005.wav'), 1_800, await recording(question), 500);
    const results = [];
    for (const blockSamples of [320, 512, 777, 1, audio.length]) {
      const { result } = await listen(asr, audio, { mode, blockSamples });
      results.push({ ...result, confirmsTrial: null });
    }
    for (const result of results) expect(result).toEqual(results[0]);
    expect(results[0]?.audioMs).toBe(audio.length / 16);
  });
});

describe('segments', () => {
  it('of a recording are cut in its pauses, with times of the speech', async () => {
    const parts = [question, 'questions/question_2_am_michael.wav', 'questions/question_3_bf_emma.wav'];
    const pcm = await Promise.all(parts.map(recording));
    const [a = new Float32Array(), b = new Float32Array(), c = new Float32Array()] = pcm;
    const run = await listen(asr, splice(1_000, a, 3_000, b, 3_000, c, 3_000), { mode: 'file' });
    const { segments } = run.result;
    expect(of(run, 'segment').map(({ segment }) => segment)).toEqual(segments);
    expect(segments.map(({ text }) => text)).toEqual([
      'What is the capital of France?',
      'How do I boil an egg?',
      'Tell me a short joke.',
    ]);
    // Where the words lie in each recording, found by ear and level: about 300 to 1700 ms.
    let startMs = 1_000;
    for (const [i, segment] of segments.entries()) {
      expect(segment.startMs).toBeGreaterThan(startMs + 150);
      expect(segment.startMs).toBeLessThan(startMs + 550);
      expect(segment.endMs).toBeGreaterThan(startMs + 1_350);
      expect(segment.endMs).toBeLessThan(startMs + 1_850);
      startMs += 3_000 + (pcm[i]?.length ?? 0) / 16;
    }
    expect(run.result.text).toBe(segments.map(({ text }) => text).join(' '));
  });

  it('are never longer than 18 s and lose no words where nobody pauses', async () => {
    const paths = [...(await references()).keys()].filter((path) => path.includes('austen'));
    const pcm = await Promise.all(paths.map(recording));
    // The quiet ends of the recordings are cut off, so that the reading is one stretch of 40 s.
    const tight = pcm.map((x) => x.slice(4_800, x.length - 3_200));
    const run = await listen(asr, splice(300, ...tight, ...tight, 300), { mode: 'file' });
    for (const { startMs, endMs } of run.result.segments) expect(endMs - startMs).toBeLessThanOrEqual(18_000);
    const wanted = (await Promise.all(paths.map(async (path) => (await references()).get(path)))).join(' ');
    expect(run.result.segments.length).toBeGreaterThan(2);
    expect(wer(wordErrors(`${wanted} ${wanted}`, run.result.text))).toBeLessThan(0.15);
  });
});

describe('nothing heard', () => {
  const seconds = 8;
  const samples = seconds * 16_000;
  const tone = (f: (t: number) => number) => Float32Array.from({ length: samples }, (_, n) => f(n / 16_000));
  const notes = [262, 330, 392, 440, 349, 294];
  const sounds: readonly (readonly [string, Float32Array])[] = [
    ['no samples at all', new Float32Array(0)],
    ['three samples', new Float32Array(3)],
    ['digital silence', new Float32Array(samples)],
    ['a quiet room', hiss(seconds * 1_000)],
    ['loud hiss', hiss(seconds * 1_000, 0.5)],
    ['mains hum', tone((t) => 0.3 * Math.sin(2 * Math.PI * 50 * t) + 0.1 * Math.sin(2 * Math.PI * 150 * t))],
    ['a click every half second', tone((t) => (t % 0.5 < 0.004 ? 0.9 : 0))],
    [
      'plucked notes',
      tone((t) => {
        const hz = notes[Math.floor(t / 0.4) % notes.length] ?? 0;
        const decay = Math.exp(-6 * (t % 0.4));
        return 0.4 * decay * [1, 2, 3, 4].reduce((sum, k) => sum + Math.sin(2 * Math.PI * hz * k * t) / k, 0);
      }),
    ],
    ['a siren', tone((t) => 0.5 * Math.sin(2 * Math.PI * (600 * t - 80 * Math.cos(2 * Math.PI * 0.5 * t))))],
    ['full-scale square wave', tone((t) => (Math.floor(t * 440) % 2 === 0 ? 1 : -1))],
  ];
  it.each(sounds)('in %s', async (_name, pcm) => {
    for (const mode of ['file', 'hold'] as const) {
      const { result, events } = await listen(asr, pcm, { mode });
      expect(result).toEqual({
        text: '',
        segments: [],
        lastSpeechMs: null,
        audioMs: pcm.length / 16,
        confirmsTrial: null,
      });
      const words = events.filter(({ event }) => event.kind !== 'speechStarted' && event.kind !== 'consumed');
      expect(words).toEqual([]);
    }
  });
});

describe('while a key is held', () => {
  it('proposes the text at the pause, and confirms it when the key comes up', async () => {
    const audio = splice(300, await recording(question), 300);
    const run = await listen(asr, audio, { mode: 'hold', realTime: true });
    expect(of(run, 'speechStarted')).toHaveLength(1);
    const [trial, ...more] = of(run, 'trial');
    expect(more).toEqual([]);
    expect(trial).toMatchObject({ revision: 1, text: 'What is the capital of France?' });
    expect(run.result).toMatchObject({
      text: trial?.text,
      confirmsTrial: 1,
      lastSpeechMs: trial?.lastSpeechMs,
    });
    expect(trial?.lastSpeechMs).toBeGreaterThan(1_900);
    expect(trial?.lastSpeechMs).toBeLessThan(2_060);
    const pushedMs = (run.events.find(({ event }) => event.kind === 'trial')?.pushedSamples ?? 0) / 16;
    // The sound itself says so: 130 ms of audio after the last speech sample, whatever the machine's speed,
    // and what one decode takes on a loaded machine.
    expect(pushedMs - (trial?.lastSpeechMs ?? 0)).toBeLessThan(400);
  });

  it('confirms it through the click of the key coming up', async () => {
    const click = hiss(12, 0.7, 3);
    const audio = splice(300, await recording(question), 60, click, 120);
    const run = await listen(asr, audio, { mode: 'hold', realTime: true });
    expect(of(run, 'resumed')).toEqual([]);
    expect(run.result).toMatchObject({ text: 'What is the capital of France?', confirmsTrial: 1 });
  });

  it('takes a proposal back when speech goes on, and proposes again', async () => {
    const pcm = await recording(question);
    const more = await recording('questions/question_2_am_michael.wav');
    const run = await listen(asr, splice(300, pcm, 600, more, 500), { mode: 'hold', realTime: true });
    const turns = run.events
      .map(({ event }) => event)
      .filter(({ kind }) => kind === 'trial' || kind === 'resumed');
    expect(turns.map(({ kind }) => kind)).toEqual(['trial', 'resumed', 'trial']);
    expect(turns).toMatchObject([{ revision: 1 }, { revision: 1 }, { revision: 2 }]);
    expect(run.result.confirmsTrial).toBe(2);
    expect(words(run.result.text)).toBe('what is the capital of france how do i boil an egg');
  });

  it('shows text that only grows, and is mostly what the result says', async () => {
    const path = 'read/sense_and_sensibility_01_austen_64kb-0870.wav';
    const run = await listen(asr, splice(300, await recording(path), 300), { mode: 'hold', realTime: true });
    const partials = of(run, 'partial').map(({ text }) => text);
    expect(partials.length).toBeGreaterThan(5);
    for (const [i, text] of partials.entries()) expect(text.startsWith(partials[i - 1] ?? '')).toBe(true);
    const last = words(partials.at(-1) ?? '');
    expect(words(run.result.text).startsWith(last.slice(0, last.lastIndexOf(' ')))).toBe(true);
  });

  it('has the words when the key comes up before the pause is noticed', async () => {
    const pcm = await recording(question);
    const audio = splice(300, pcm).slice(0, 16 * 2_010);
    const { result } = await listen(asr, audio, { mode: 'hold', realTime: true });
    expect(words(result.text)).toBe('what is the capital of france');
  });

  it('settles stretches of a long dictation and loses nothing between them', async () => {
    const paths = [...(await references()).keys()].filter((path) => path.includes('austen'));
    const parts = (await Promise.all(paths.map(recording))).flatMap((pcm) => [pcm, 700]);
    const run = await listen(asr, splice(300, ...parts), { mode: 'hold' });
    const wanted = (await Promise.all(paths.map(async (path) => (await references()).get(path)))).join(' ');
    expect(wer(wordErrors(wanted, run.result.text))).toBeLessThan(0.1);
    expect(of(run, 'segment').length).toBeGreaterThan(1);
    expect(
      of(run, 'segment')
        .map(({ segment }) => segment.text)
        .join(' '),
    ).toBe(run.result.text);
  });

  it('is silent about partials when told so', async () => {
    const run = await listen(asr, await recording(question), { mode: 'hold', partials: false });
    expect(of(run, 'partial')).toEqual([]);
    expect(run.result.text).not.toBe('');
  });

  it('serves two listens side by side', async () => {
    const [a, b] = await Promise.all([
      listen(asr, await recording(question), { mode: 'hold' }),
      listen(asr, await recording('questions/question_3_bf_emma.wav'), { mode: 'file' }),
    ]);
    expect(a.result.text).toBe('What is the capital of France?');
    expect(b.result.text).toBe('Tell me a short joke.');
  });
});

describe('cancelling', () => {
  it.each(['file', 'hold'] as const)(
    '%s: rejects with the reason, soon, and leaves the leaf usable',
    async (mode) => {
      const cancel = new AbortController();
      const reason = new Error('the key was tapped away');
      const audio = splice(...Array.from({ length: 20 }, () => 200), await recording('read/cards_005.wav'));
      const long = splice(...Array.from({ length: 30 }, () => audio));
      setTimeout(() => cancel.abort(reason), 150);
      const startedMs = performance.now();
      await expect(
        listen(asr, long, { mode, blockSamples: long.length, signal: cancel.signal }),
      ).rejects.toBe(reason);
      expect(performance.now() - startedMs).toBeLessThan(1_500);
      expect((await listen(asr, await recording(question), { mode })).result.text).not.toBe('');
    },
  );
});

describe('length', () => {
  it('does not make memory grow: three minutes cost what one does', async () => {
    async function* minutes(count: number): AsyncGenerator<Float32Array> {
      const pcm = splice(await recording('read/cards_005.wav'), 900);
      for (let sent = 0; sent < count * 60 * 16_000; sent += pcm.length) yield pcm.slice();
    }
    await listen(asr, minutes(1), { mode: 'file' });
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    const { result } = await listen(asr, minutes(3), { mode: 'file' });
    globalThis.gc?.();
    expect(result.audioMs).toBeGreaterThan(180_000);
    expect(result.segments.length).toBeGreaterThan(20);
    expect(process.memoryUsage().rss - before).toBeLessThan(60e6);
  });
});

describe('loading', () => {
  let folder = '';
  let load: AsrLoad;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sotto-asr-'));
    load = { ...asrLoad(), modelDir: folder, vadFile: join(folder, 'silero_vad.onnx') };
  });
  afterAll(() => rm(folder, { recursive: true }));

  const names = [
    'encoder_model.ort',
    'decoder_model_merged.ort',
    'tokenizer.bin',
    'silero_vad.onnx',
  ] as const;
  async function intact(): Promise<void> {
    const { modelDir, vadFile } = asrLoad();
    for (const name of names.slice(0, 3)) await copyFile(join(modelDir, name), join(folder, name));
    await copyFile(vadFile, load.vadFile);
  }
  const fail = () => loadAsr(load);

  it.each(names)('says how to fetch a missing %s', async (name) => {
    await intact();
    await rm(join(folder, name));
    await expect(fail()).rejects.toMatchObject({
      code: 'model-missing',
      message: expect.stringContaining('sotto models pull'),
    });
  });

  it.each(names)('says how to mend a %s that is cut off, empty, or something else', async (name) => {
    for (const spoil of [
      async (path: string) => truncate(path, 20_000),
      async (path: string) => truncate(path, 0),
      async (path: string) => writeFile(path, 'hello '.repeat(2_000)),
    ]) {
      await intact();
      await spoil(join(folder, name));
      await expect(fail()).rejects.toMatchObject({
        code: 'model-corrupt',
        message: expect.stringContaining('sotto models'),
      });
    }
  });

  it('refuses another model in the place of the decoder', async () => {
    await intact();
    await writeFile(join(folder, names[1]), await readFile(join(folder, names[0])));
    await expect(fail()).rejects.toMatchObject({ code: 'unsupported-model' });
  });

  it('refuses to listen before it', async () => {
    await expect(listen(createAsrHandlers(), new Float32Array(10), { mode: 'file' })).rejects.toMatchObject({
      code: 'protocol',
    });
  });

  it('may be done again', async () => {
    await intact();
    const handlers = await loadAsr(load);
    await handlers.load(load, {
      signal: new AbortController().signal,
      pushes: noPushes(),
      emit: () => undefined,
    });
    expect((await listen(handlers, await recording(question), { mode: 'file' })).result.text).not.toBe('');
  });
});

async function* noPushes(): AsyncGenerator<never> {
  // Loading takes no pushes.
}
