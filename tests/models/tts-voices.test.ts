/** Voices that are damaged, of other languages, with several speakers; texts a voice cannot speak. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { speakable } from '../../src-main/core/text/speakable.ts';
import { openEspeak } from '../../src-main/engine/tts/espeak.ts';
import { toIds } from '../../src-main/engine/tts/phonemeIds.ts';
import { createPhonemizer } from '../../src-main/engine/tts/phonemes.ts';
import { parsePiperConfig, speakerIndex } from '../../src-main/engine/tts/piperConfig.ts';
import { createTtsHandlers } from '../../src-main/engine/tts/ttsLeaf.ts';
import { modelDir } from '../helpers/asr.ts';

const source = join(modelDir('piper-en_US-joe-medium'), 'en_US-joe-medium.onnx');
let folder = '';
let weights: Buffer;
let config: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sotto-voice-'));
  weights = await readFile(source);
  config = await readFile(`${source}.json`, 'utf8');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* noPushes(): AsyncGenerator<never> {
  // Speech takes no pushes.
}
const context = { signal: new AbortController().signal, pushes: noPushes(), emit: () => undefined };

async function load(model: Uint8Array, json: string): Promise<unknown> {
  const modelFile = join(folder, 'voice.onnx');
  const configFile = `${modelFile}.json`;
  await writeFile(modelFile, model);
  await writeFile(configFile, json);
  return createTtsHandlers().load(
    { family: 'piper', modelFile, configFile, threads: 1, provider: 'cpu' },
    context,
  );
}

describe('a damaged voice', () => {
  it.each([
    { what: 'empty', damage: () => new Uint8Array(0) },
    { what: 'cut in half', damage: () => weights.subarray(0, weights.length / 2) },
    { what: 'something else', damage: () => Buffer.from('GGUF this is no voice at all') },
    {
      what: 'of impossible lengths',
      // The first field's length says four gigabytes.
      damage: () =>
        Buffer.concat([Buffer.from([0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f]), weights.subarray(6, 4000)]),
    },
  ])('that is $what is refused by name with what to do', async ({ damage }) => {
    await expect(load(damage(), config)).rejects.toMatchObject({
      code: 'model-corrupt',
      stage: 'tts',
      message: expect.stringContaining('sotto models'),
    });
  });

  it.each([
    { what: 'no JSON', json: () => '{ "audio": ' },
    { what: 'a list', json: () => '[]' },
    { what: 'without a rate', json: () => config.replace('"sample_rate"', '"sampling"') },
    { what: 'without phonemes', json: () => config.replace('"phoneme_id_map"', '"phonemes"') },
  ])('whose description is $what is refused', async ({ json }) => {
    await expect(load(weights, json())).rejects.toMatchObject({ code: 'model-corrupt', stage: 'tts' });
  });
});

describe('phonemes', () => {
  it.each([
    { voice: 'de', text: 'Die Straße ist schön.', words: 4, sound: 'ʃ' },
    { voice: 'fr', text: 'Bonjour tout le monde', words: 4, sound: 'ʒ' },
    { voice: 'ru', text: 'Добрый день', words: 2, sound: 'dʲ' },
    { voice: 'ar', text: 'مرحبا بالعالم', words: 2, sound: 'm' },
    { voice: 'cmn', text: '你好世界', words: 1, sound: 'n' },
    { voice: 'el', text: 'καλημέρα κόσμε', words: 2, sound: 'k' },
  ])('of $voice come for every word, with its characters', async ({ voice, text, words, sound }) => {
    const phonemizer = createPhonemizer(await openEspeak(voice));
    const spoken = phonemizer.phonemize(speakable(text, voice).text);
    expect(spoken.length).toBeGreaterThanOrEqual(words);
    expect(spoken.every((word) => word.phonemes.length > 0)).toBe(true);
    expect(spoken.flatMap((word) => word.phonemes).join('')).toContain(sound);
  });

  // What the descriptions of the catalogue's voices name as their espeak voice.
  it.each(
    'en-us en-gb-x-rp de fr es it nl pl pt-br ru uk tr sv nb fi da cs el hu ro cmn vi ar ca sk'.split(' '),
  )('of %s are there', async (voice) => {
    expect((await openEspeak(voice))('1 2 3').trim()).not.toBe('');
  });

  it('a voice has no id for are an error, not a hole', async () => {
    const english = parsePiperConfig(config);
    const without = {
      ...english,
      phonemeIds: new Map([...english.phonemeIds].filter(([sound]) => sound !== 'w')),
    };
    const words = createPhonemizer(await openEspeak('en-us')).phonemize('we');
    expect(() => toIds(words, english)).not.toThrow();
    expect(() => toIds(words, without)).toThrowError(
      expect.objectContaining({ code: 'unspeakable-symbol', message: expect.stringContaining('U+0077') }),
    );
  });
});

describe('speakers', () => {
  const many = (): ReturnType<typeof parsePiperConfig> =>
    parsePiperConfig(
      JSON.stringify({ ...JSON.parse(config), num_speakers: 3, speaker_id_map: { anna: 0, ben: 2 } }),
    );
  it('are chosen by name or number', () => {
    expect(many().speakers).toEqual(['anna', '1', 'ben']);
    expect(speakerIndex(many(), 'ben')).toBe(2);
    expect(speakerIndex(many(), 1)).toBe(1);
    expect(speakerIndex(many(), undefined)).toBe(0);
  });
  it.each(['carla', 3, -1, 1.5, ''])('that do not exist are refused: %j', (speaker) => {
    expect(() => speakerIndex(many(), speaker)).toThrowError(
      expect.objectContaining({ code: 'bad-argument' }),
    );
  });
});
