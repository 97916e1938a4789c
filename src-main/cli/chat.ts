/** `sotto chat`: ask in writing; one question, a pipe, or a conversation in the terminal. */
import { createInterface } from 'node:readline/promises';
import type { ChatMessage, SamplingOptions } from '../contract/domain.ts';
import { SYSTEM_PROMPT, speakingStyle } from '../flows/speakingStyle.ts';
import { numberOption, parse } from './args.ts';
import { type Engine, startEngine } from './engine.ts';
import { EXIT, type Io } from './io.ts';
import { readStdin } from './stdin.ts';

export const CHAT_HELP = `sotto chat [QUESTION] [--model ID] [--system TEXT] [--temperature N] [--seed N] [--max-tokens N] [--json]

Without a question: a conversation in a terminal, or the question from a pipe.
--json   {reply, promptTokens, outputTokens, timeToFirstTokenMs, decodeTokensPerSecond}
`;

const OPTIONS = {
  model: { type: 'string' },
  system: { type: 'string' },
  temperature: { type: 'string' },
  seed: { type: 'string' },
  'max-tokens': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** A written answer may be long. */
const WRITTEN_TOKENS = 512;

interface Settings {
  readonly sampling: SamplingOptions;
  readonly maxTokens: number;
  readonly json: boolean;
}

export async function runChat(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS, 'chat');
  if (values.help === true) {
    io.out(CHAT_HELP);
    return EXIT.ok;
  }
  const temperature = numberOption(values.temperature, 'temperature', { min: 0, max: 5 }, 'chat');
  const seed = numberOption(values.seed, 'seed', { min: 0, max: 2 ** 32 - 1 }, 'chat');
  const maxTokens = numberOption(values['max-tokens'], 'max-tokens', { min: 1, max: 100_000 }, 'chat');
  const asked = {
    sampling: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(seed === undefined ? {} : { seed }),
    },
    ...(maxTokens === undefined ? {} : { maxTokens }),
  };
  const messages: ChatMessage[] = [{ role: 'system', content: values.system ?? SYSTEM_PROMPT }];
  const isConversation = positionals.length === 0 && process.stdin.isTTY === true;
  const question = positionals.length > 0 ? positionals.join(' ') : isConversation ? '' : await readStdin();
  const engine = await startEngine(io, {
    leaves: ['chat'],
    ...(values.model === undefined ? {} : { models: { chat: values.model } }),
  });
  const settings: Settings = {
    ...speakingStyle(engine.isDemonstration, asked, WRITTEN_TOKENS),
    json: values.json === true,
  };
  try {
    if (isConversation) await converse(engine, messages, settings, io);
    else await ask(engine, [...messages, { role: 'user', content: question }], settings, io);
  } finally {
    engine.stop();
  }
  return EXIT.ok;
}

async function ask(
  engine: Engine,
  messages: readonly ChatMessage[],
  settings: Settings,
  io: Io,
): Promise<string> {
  const call = engine.leaves.chat.call(
    'generate',
    { messages, sampling: settings.sampling, maxTokens: settings.maxTokens },
    {
      signal: io.signal,
      onEvent: (event) => {
        if (event.kind === 'text' && !settings.json) io.out(event.text);
      },
    },
  );
  const { text, promptTokens, outputTokens, timeToFirstTokenMs, decodeTokensPerSecond } = await call.result;
  io.out(
    settings.json
      ? `${JSON.stringify({ reply: text, promptTokens, outputTokens, timeToFirstTokenMs, decodeTokensPerSecond })}\n`
      : '\n',
  );
  return text;
}

async function converse(engine: Engine, messages: ChatMessage[], settings: Settings, io: Io): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  terminal.on('SIGINT', () => process.emit('SIGINT'));
  try {
    while (true) {
      const question = await terminal.question('> ', { signal: io.signal });
      if (question.trim() === '') continue;
      messages.push({ role: 'user', content: question });
      messages.push({ role: 'assistant', content: await ask(engine, messages, settings, io) });
    }
  } catch (error) {
    // Ctrl-D closes the terminal's input: the ordinary end.
    if (!io.signal.aborted && (error as NodeJS.ErrnoException).code !== 'ERR_USE_AFTER_CLOSE') throw error;
  } finally {
    terminal.close();
  }
}
