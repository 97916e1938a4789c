/** `sotto talk`: the conversation in the terminal, from recordings or from the microphone. */
import { createInterface } from 'node:readline';
import { renderWaterfall } from '../core/ledger.ts';
import { openAudioFile } from '../devices/files/openAudioFile.ts';
import { pickInput } from '../devices/pick.ts';
import type { AudioInput } from '../devices/ports.ts';
import { wavInput } from '../devices/wavInput.ts';
import { type Conversation, createConversation, type TurnResult } from '../flows/conversation.ts';
import { SPOKEN_TOKENS, SYSTEM_PROMPT, speakingStyle } from '../flows/speakingStyle.ts';
import { numberOption, parse } from './args.ts';
import { type Engine, startEngine } from './engine.ts';
import { EXIT, type Io } from './io.ts';
import { openSpeakers } from './speakers.ts';
import { transcribeAudio } from './transcribe.ts';

export const TALK_HELP = `sotto talk [--in FILE]… [--out FILE.wav] [--release-after MS] [--aloud] [--json]
           [--model ID] [--voice ID] [--speed N] [--max-tokens N] [--seed N] [--temperature N]

Without --in it listens to the microphone: Enter presses the key, Enter again releases it;
while it speaks Enter interrupts, Ctrl-C ends.
--in             a recording, fed at the speed of speech; give it several times for several turns
--out            the reply as it was heard, as a WAV file (with several turns: FILE-1.wav, FILE-2.wav …)
--release-after  the key goes up so long after the last speech sample (default 200)
--aloud          with --in: play on the speaker too, where there is one
--json           one line a turn: {heard, reply, marksMs: {keyDown, firstBlock, keyUp, lastSpeech,
                 asrFinal, firstToken, firstClause, firstAudio, firstAudible}}
`;

const OPTIONS = {
  in: { type: 'string', multiple: true },
  out: { type: 'string', short: 'o' },
  'release-after': { type: 'string' },
  aloud: { type: 'boolean' },
  json: { type: 'boolean' },
  model: { type: 'string' },
  voice: { type: 'string' },
  speed: { type: 'string' },
  'max-tokens': { type: 'string' },
  seed: { type: 'string' },
  temperature: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parse<typeof OPTIONS>>['values'];

export async function runTalk(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS, 'talk');
  if (values.help === true) {
    io.out(TALK_HELP);
    return EXIT.ok;
  }
  const files = [...(values.in ?? []), ...positionals];
  for (const path of files) await requireReadable(path);
  const releaseAfterMs =
    numberOption(values['release-after'], 'release-after', { min: 0, max: 60_000 }, 'talk') ?? 200;
  const asked = conversationOptions(values);
  const models = {
    ...(values.model === undefined ? {} : { chat: values.model }),
    ...(values.voice === undefined ? {} : { tts: values.voice }),
  };
  const engine = await startEngine(io, { leaves: ['asr', 'chat', 'tts'], models });
  const options = { ...asked, ...speakingStyle(engine.isDemonstration, asked, SPOKEN_TOKENS) };
  try {
    if (files.length === 0) await fromMicrophone(engine, options, values, io);
    else await fromFiles(engine, options, files, releaseAfterMs, values, io);
  } finally {
    engine.stop();
  }
  return EXIT.ok;
}

/** What cannot be read is said before anything is loaded. */
async function requireReadable(path: string): Promise<void> {
  const look = new AbortController();
  await openAudioFile(path, look.signal);
  look.abort(new Error('only looked at'));
}

function conversationOptions(values: Values) {
  const speed = numberOption(values.speed, 'speed', { min: 0.5, max: 6 }, 'talk');
  const seed = numberOption(values.seed, 'seed', { min: 0, max: 2 ** 32 - 1 }, 'talk');
  const temperature = numberOption(values.temperature, 'temperature', { min: 0, max: 5 }, 'talk');
  const maxTokens = numberOption(values['max-tokens'], 'max-tokens', { min: 1, max: 10_000 }, 'talk');
  return {
    systemPrompt: SYSTEM_PROMPT,
    ...(maxTokens === undefined ? {} : { maxTokens }),
    sampling: {
      ...(seed === undefined ? {} : { seed }),
      ...(temperature === undefined ? {} : { temperature }),
    },
    ...(speed === undefined ? {} : { speed }),
  };
}

type Options = ReturnType<typeof conversationOptions>;

const nowMs = (): number => performance.now();

async function fromFiles(
  engine: Engine,
  options: Options,
  files: readonly string[],
  releaseAfterMs: number,
  values: Values,
  io: Io,
): Promise<void> {
  let current: AudioInput = wavInput(files[0] as string, { realTime: true });
  let firstBlockAtMs: (atMs: number) => void = () => {};
  const input: AudioInput = {
    name: 'recordings',
    open: async (signal) => {
      const open = await current.open(signal);
      return { close: open.close, blocks: tellFirst(open.blocks, (atMs) => firstBlockAtMs(atMs)) };
    },
  };
  let conversation: Conversation | null = null;
  const outputs = files.map((_, i) => outputName(values.out, files.length, i));
  let turnIndex = 0;
  const output = {
    name: 'replies',
    open: async (rateHz: number, signal: AbortSignal) =>
      (await openSpeakers(io, outputs[turnIndex], values.aloud === true ? 'maybe' : 'no')).open(
        rateHz,
        signal,
      ),
  };
  for (const [i, file] of files.entries()) {
    io.signal.throwIfAborted();
    turnIndex = i;
    current = wavInput(file, { realTime: true });
    // When the speaker stops is found beforehand: a person knows it, a recording does not.
    const { lastSpeechMs } = await transcribeAudio(
      engine.leaves.asr,
      await openAudioFile(file, io.signal),
      io.signal,
    );
    conversation ??= createConversation(
      { ...engine.leaves, input, output, voiceRateHz: engine.voiceRateHz, nowMs },
      options,
    );
    const turn = conversation.beginTurn();
    if (values.json !== true) io.err(`Listening to ${file} …\n`);
    const onAbort = (): void => turn.interrupt();
    io.signal.addEventListener('abort', onAbort, { once: true });
    firstBlockAtMs = (startedMs) => {
      const upAtMs = startedMs + (lastSpeechMs ?? 1000) + releaseAfterMs;
      setTimeout(() => turn.release(), Math.max(0, upAtMs - nowMs()));
    };
    try {
      report(await turn.result, values, io);
    } finally {
      io.signal.removeEventListener('abort', onAbort);
    }
    if (outputs[i] !== undefined && values.json !== true) io.err(`The reply is in ${outputs[i]}.\n`);
  }
}

/** FILE.wav for one turn, FILE-1.wav, FILE-2.wav … for several. */
function outputName(out: string | undefined, count: number, index: number): string | undefined {
  if (out === undefined || count === 1) return out;
  return out.replace(/(\.[^./\\]+)?$/, (ending) => `-${index + 1}${ending}`);
}

/** Passes blocks on and tells when the first sample of the first one was captured. */
async function* tellFirst<T extends { readonly pcm: Float32Array; readonly capturedAtMs: number }>(
  blocks: AsyncIterable<T>,
  tell: (atMs: number) => void,
): AsyncGenerator<T> {
  let isFirst = true;
  for await (const block of blocks) {
    if (isFirst) tell(block.capturedAtMs - block.pcm.length / 16);
    isFirst = false;
    yield block;
  }
}

function report(result: TurnResult, values: Values, io: Io): void {
  const { heard, reply, marks } = result;
  if (values.json === true) {
    io.out(`${JSON.stringify({ heard, reply, marksMs: marks })}\n`);
    return;
  }
  if (heard === '') {
    io.out(result.interrupted ? 'Interrupted.\n' : 'Nothing was heard.\n');
    return;
  }
  io.out(`You:   ${heard}\nSotto: ${reply.trim()}\n`);
  if (result.spoken !== reply) io.out(`       (heard to: “${result.spoken.slice(-40)}”)\n`);
  io.out(`\n${renderWaterfall(marks)}\n`);
}

async function fromMicrophone(engine: Engine, options: Options, values: Values, io: Io): Promise<void> {
  const input = await pickInput();
  const output = await openSpeakers(io, values.out, 'yes');
  const conversation = createConversation(
    { ...engine.leaves, input, output, voiceRateHz: engine.voiceRateHz, nowMs },
    options,
  );
  const keys = createInterface({ input: process.stdin });
  const press = (): Promise<boolean> =>
    new Promise((resolve) => {
      const done = (pressed: boolean) => (): void => {
        keys.off('line', onLine);
        keys.off('close', onClose);
        io.signal.removeEventListener('abort', onClose);
        resolve(pressed);
      };
      const onLine = done(true);
      const onClose = done(false);
      keys.once('line', onLine);
      keys.once('close', onClose);
      io.signal.addEventListener('abort', onClose, { once: true });
    });
  try {
    io.err('Ready. Enter: speak.\n');
    while (await press()) {
      const turn = conversation.beginTurn((notice) => {
        if (notice.kind === 'state' && notice.state === 'listening') io.err('Listening. Enter: done.\n');
      });
      const onAbort = (): void => turn.interrupt();
      io.signal.addEventListener('abort', onAbort, { once: true });
      if (await press()) turn.release();
      else turn.interrupt();
      const ended = turn.result.then(() => true);
      // Enter while it speaks interrupts; the line is then the key of the next turn.
      const interrupted = await Promise.race([ended.then(() => false), press()]);
      if (interrupted) turn.interrupt();
      report(await turn.result, values, io);
      io.signal.removeEventListener('abort', onAbort);
      if (io.signal.aborted) return;
      io.err('Enter: speak.\n');
    }
  } finally {
    keys.close();
  }
}
