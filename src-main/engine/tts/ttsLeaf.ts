/**
 * The speech leaf: `load` opens and warms a voice, `speak` streams one text.
 *
 * Without a warm-up the first sentence of the day comes 200 ms late. The rule: after `load` the first speak
 * is as fast as the tenth. Worst case: a load that fails leaves the voice before it in use.
 */
import { readFile } from 'node:fs/promises';
import { SottoError } from '../../contract/errors.ts';
import type { LeafHandlers, TtsLoad } from '../../contract/leaf.ts';
import { collectGarbage } from '../runtime/collectGarbage.ts';
import { openEspeak } from './espeak.ts';
import { createPhonemizer } from './phonemes.ts';
import { PiperVoice } from './piper.ts';
import { parsePiperConfig } from './piperConfig.ts';
import { type LoadedVoice, speak } from './speak.ts';

/** About 4 s of speech with most sounds of English; other languages read it as they can. */
const warmText = 'The quick brown fox jumps over the lazy dog, while five wizards vex a judge.';

/** The handlers of one leaf process. `load` again replaces the voice; `speak` before it is refused. */
export function createTtsHandlers(): LeafHandlers<'tts'> {
  let loaded: LoadedVoice | undefined;
  return {
    load: async (input, { signal }) => {
      const startedMs = performance.now();
      const next = await openVoice(input, signal);
      const openedMs = performance.now();
      try {
        await warmUp(next, signal);
      } catch (error) {
        await next.voice.close();
        throw error;
      }
      const before = loaded;
      loaded = next;
      await before?.voice.close();
      await collectGarbage();
      return {
        loadMs: openedMs - startedMs,
        warmMs: performance.now() - openedMs,
        provider: 'cpu',
        providerReason: 'the voice streams in chunks too small for another processor to help',
        residentBytes: process.memoryUsage().rss,
        rateHz: next.config.rateHz,
        speakers: next.config.speakers,
      };
    },
    speak: async (input, context) => {
      if (loaded === undefined) {
        throw new SottoError('Speech was asked for before its voice was loaded. This is a defect in Sotto.', {
          code: 'protocol',
          stage: 'tts',
        });
      }
      return speak(loaded, input, context);
    },
  };
}

async function openVoice(input: TtsLoad, signal: AbortSignal): Promise<LoadedVoice> {
  let json: string;
  try {
    json = await readFile(input.configFile, 'utf8');
  } catch (cause) {
    throw new SottoError(
      `The voice's configuration is missing: ${input.configFile}. Fetch the voice with "sotto models pull".`,
      { code: 'model-missing', stage: 'tts', cause },
    );
  }
  const config = parsePiperConfig(json);
  const phonemizer = createPhonemizer(await openEspeak(config.espeakVoice));
  signal.throwIfAborted();
  return { config, phonemizer, voice: await PiperVoice.open(input.modelFile, config, input.threads) };
}

async function warmUp(loaded: LoadedVoice, signal: AbortSignal): Promise<void> {
  try {
    for (let round = 0; round < 2; round++)
      await speak(loaded, { text: warmText }, { signal, emit: () => undefined });
  } catch (error) {
    // A voice of another script may have no sounds for this text; it is warm all the same.
    if (!(error instanceof SottoError) || !['unspeakable-symbol', 'nothing-to-say'].includes(error.code))
      throw error;
  }
}
