/** `sotto say`: text to speech, streamed to the speaker or into a WAV file. */
import type { WordTiming } from '../contract/domain.ts';
import { SottoError } from '../contract/errors.ts';
import { createClauseSplitter } from '../core/text/clauses.ts';
import { openWavWriter } from '../devices/files/wavWriter.ts';
import type { OpenOutput } from '../devices/ports.ts';
import { numberOption, parse } from './args.ts';
import { type Engine, startEngine } from './engine.ts';
import { EXIT, type Io } from './io.ts';
import { createProgress } from './progress.ts';
import { openSpeakers } from './speakers.ts';
import { readStdin } from './stdin.ts';

export const SAY_HELP = `sotto say TEXT | -  [--out FILE.wav] [--voice ID] [--speaker NAME] [--speed 0.5–6] [--words]

“-” or no text reads standard input. Without --out it is played on the speaker.
--words   prints {text, sampleRateHz, words: [{text, start, end, startMs, endMs}]};
          start and end are characters of the text
`;

/** A longer text takes more than a moment: progress is shown. */
const LONG_TEXT = 2000;

const OPTIONS = {
  out: { type: 'string', short: 'o' },
  voice: { type: 'string' },
  speaker: { type: 'string' },
  speed: { type: 'string' },
  words: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function runSay(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS, 'say');
  if (values.help === true) {
    io.out(SAY_HELP);
    return EXIT.ok;
  }
  const speed = numberOption(values.speed, 'speed', { min: 0.5, max: 6 }, 'say') ?? 1;
  const isPiped = positionals.length === 0 || (positionals.length === 1 && positionals[0] === '-');
  const text = isPiped ? await readStdin() : positionals.join(' ');
  if (!/[\p{L}\p{N}]/u.test(text)) {
    throw new SottoError('There is nothing to say: the text has no letters or digits.', {
      code: 'nothing-to-say',
      stage: 'cli',
    });
  }
  const engine = await startEngine(io, {
    leaves: ['tts'],
    ...(values.voice === undefined ? {} : { models: { tts: values.voice } }),
  });
  try {
    const voice = { speed, ...(values.speaker === undefined ? {} : { speaker: values.speaker }) };
    if (values.out === undefined && values.words !== true) await playText(engine, text, voice, io);
    else {
      const words = await renderText(engine, text, voice, values.out, io);
      if (values.words === true) io.out(`${JSON.stringify(wordReport(text, words, engine.voiceRateHz))}\n`);
    }
  } finally {
    engine.stop();
  }
  return EXIT.ok;
}

interface Voice {
  readonly speed: number;
  readonly speaker?: string;
}

/** Speaks clause by clause; positions count from the start of the text and of the audio. */
async function speakText(
  engine: Engine,
  text: string,
  voice: Voice,
  signal: AbortSignal,
  onAudio: (pcm: Float32Array, words: readonly WordTiming[]) => Promise<void> | void,
): Promise<void> {
  const splitter = createClauseSplitter();
  const clauses = [...splitter.push(text), ...splitter.flush()].filter((clause) =>
    /[\p{L}\p{N}]/u.test(clause.text),
  );
  let clauseStart = 0;
  for (const [i, clause] of clauses.entries()) {
    const deliveries: Promise<void>[] = [];
    const call = engine.leaves.tts.call(
      'speak',
      { text: clause.text, continues: i + 1 < clauses.length, ...voice },
      {
        signal,
        onEvent: ({ pcm, words }) => {
          const placed = words.map((word) => ({
            ...word,
            start: word.start + clause.start,
            end: word.end + clause.start,
            startSample: word.startSample + clauseStart,
            endSample: word.endSample + clauseStart,
          }));
          const delivery = Promise.resolve(onAudio(pcm, placed));
          // A refused write ends the command below, not the process here.
          delivery.catch(() => {});
          deliveries.push(delivery);
        },
      },
    );
    const { totalSamples } = await call.result;
    await Promise.all(deliveries);
    clauseStart += totalSamples;
  }
}

async function playText(engine: Engine, text: string, voice: Voice, io: Io): Promise<void> {
  const speaker = await openSpeakers(io, undefined, 'yes');
  const output: OpenOutput = await speaker.open(engine.voiceRateHz, io.signal);
  const onAbort = (): void => {
    output.stop();
  };
  io.signal.addEventListener('abort', onAbort, { once: true });
  try {
    await speakText(engine, text, voice, io.signal, (pcm) => output.write(pcm));
    await output.drained();
  } finally {
    io.signal.removeEventListener('abort', onAbort);
    await output.close();
  }
}

/** Into a WAV file, when one is named; @returns the words with their characters and samples */
async function renderText(
  engine: Engine,
  text: string,
  voice: Voice,
  out: string | undefined,
  io: Io,
): Promise<WordTiming[]> {
  const file = out === undefined ? null : await openWavWriter(out, engine.voiceRateHz);
  const progress = createProgress(io, 'Speaking', 'percent');
  const words: WordTiming[] = [];
  try {
    await speakText(engine, text, voice, io.signal, async (pcm, found) => {
      words.push(...found);
      if (text.length > LONG_TEXT) progress.update(found.at(-1)?.end ?? 0, text.length);
      await file?.write(pcm);
    });
    await file?.finish();
  } catch (error) {
    await file?.discard();
    throw error;
  } finally {
    progress.finish();
  }
  return words;
}

function wordReport(text: string, words: readonly WordTiming[], sampleRateHz: number): unknown {
  const ms = (sample: number): number => Math.round((sample * 10_000) / sampleRateHz) / 10;
  return {
    text,
    sampleRateHz,
    words: words.map((word) => ({
      text: word.text,
      start: word.start,
      end: word.end,
      startMs: ms(word.startSample),
      endMs: ms(word.endSample),
    })),
  };
}
