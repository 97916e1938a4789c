/** The chat leaf as the host drives it, on the real model. */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../src-main/contract/domain.ts';
import { openCausalLm } from '../../src-main/engine/chat/causalLm.ts';
import { createChatHandlers } from '../../src-main/engine/chat/chatLeaf.ts';
import { createTokenizer } from '../../src-main/engine/chat/tokenizer/tokenizer.ts';
import { type Chat, loadChat, SMOLLM2, temporaryFolder } from '../helpers/chat.ts';

const folder = temporaryFolder();
const compiledDir = join(folder.path, 'compiled');
const greedy = { temperature: 0, repetitionPenalty: 1 };
const system: ChatMessage = { role: 'system', content: 'You are a helpful assistant. Answer briefly.' };
const user = (content: string): ChatMessage => ({ role: 'user', content });
const sentence = 'The quick brown fox jumps over the lazy dog while seven wizards quietly watch the rain. ';

let chat: Chat;
/** A second leaf that never saw another conversation. */
const freshAnswer = async (messages: readonly ChatMessage[], maxTokens: number): Promise<string> => {
  const fresh = await loadChat(compiledDir);
  return (await fresh.generate({ messages, sampling: greedy, maxTokens })).result.text;
};

beforeAll(async () => {
  chat = await loadChat(compiledDir);
});
afterAll(() => folder.remove());

describe('an answer', () => {
  it('is sensible, ends by itself and is streamed as it is returned', async () => {
    const { result, events } = await chat.generate({
      messages: [system, user('What is the capital of France?')],
      sampling: greedy,
    });
    expect(result.text).toContain('Paris');
    expect(result.finish).toBe('stop');
    expect(events.map((event) => (event.kind === 'text' ? event.text : '')).join('')).toBe(result.text);
    expect(events[0]?.kind).toBe('prefilled');
  });

  it('is the same for the same seed and another for another', async () => {
    const tell = async (seed: number): Promise<string> => {
      // From the same cached beginning: a prompt cut elsewhere is rounded elsewhere (see below).
      await chat.prefill([user('Something else.')]);
      return (
        await chat.generate({
          messages: [user('Tell me a short story about a cat.')],
          sampling: { temperature: 1, seed },
          maxTokens: 40,
        })
      ).result.text;
    };
    const first = await tell(1);
    expect(await tell(1)).toBe(first);
    expect(await tell(2)).not.toBe(first);
  });

  it('ends at a stop string, which is not let through', async () => {
    const messages = [user('Count from one to ten in digits, separated by commas.')];
    const whole = (await chat.generate({ messages, sampling: greedy, maxTokens: 30 })).result.text;
    const stop = whole.slice(8, 11);
    const { result } = await chat.generate({ messages, sampling: greedy, maxTokens: 30, stop: [stop] });
    expect(result.text).toBe(whole.slice(0, whole.indexOf(stop)));
    expect(result.finish).toBe('stop');
  });

  it('ends at its limit', async () => {
    const { result } = await chat.generate({ messages: [user('Write an essay.')], maxTokens: 5 });
    expect(result).toMatchObject({ finish: 'length', outputTokens: 5 });
  });
});

describe('the cache', () => {
  it('changes the logits by no more than the rounding of activations to 8 bit', async () => {
    const lm = await openCausalLm({
      modelFile: SMOLLM2,
      compiledDir,
      form: 'fast',
      threads: 2,
      provider: 'cpu',
      contextTokens: 1024,
    });
    const tokenizer = createTokenizer(lm.file.gguf);
    const ids = tokenizer.encode([{ text: sentence.repeat(20), isTemplate: false }]);
    const whole = await lm.evaluate(ids);
    lm.cache.truncate(0);
    // Cut at odd places, with tokens that turned out to be wrong in between.
    await lm.evaluate(ids.slice(0, 33));
    await lm.evaluate(ids.slice(200, 300));
    lm.cache.truncate(33);
    await lm.evaluate(ids.slice(33, 34));
    const parts = await lm.evaluate(ids.slice(34));
    const again = await (async () => {
      lm.cache.truncate(0);
      return lm.evaluate(ids);
    })();
    await lm.dispose();
    const size = Math.sqrt(whole.reduce((sum, value) => sum + value ** 2, 0));
    const error = Math.sqrt(whole.reduce((sum, value, i) => sum + (value - (parts[i] ?? 0)) ** 2, 0));
    expect(error / size).toBeLessThan(0.05);
    expect(again).toEqual(whole);
  });

  it('gives the text of a fresh start and evaluates only what is new', async () => {
    const first = [system, user('Name a colour.')];
    const answer = (await chat.generate({ messages: first, sampling: greedy, maxTokens: 20 })).result.text;
    const second = [...first, { role: 'assistant', content: answer } as const, user('Name another one.')];
    const { result, reused } = await chat.generate({ messages: second, sampling: greedy, maxTokens: 20 });
    expect(reused).toBeGreaterThan(25);
    expect(result.text).toBe(await freshAnswer(second, 20));
  });

  it('takes the head of a question that is still being spoken', async () => {
    const question =
      'What are the three most important things to remember when you plant a young apple tree?';
    await chat.prefill([system], question.slice(0, 30));
    const cached = await chat.prefill([system], question.slice(0, 60));
    const { result, reused } = await chat.generate({
      messages: [system, user(question)],
      sampling: greedy,
      maxTokens: 20,
    });
    expect(cached).toBeGreaterThan(25);
    expect(reused).toBeGreaterThanOrEqual(cached);
    expect(result.text).toContain('apple tree');
  });

  it('is right when the question turned out to be another', async () => {
    await chat.prefill([system], 'What is the capital of Germany and why');
    const other = [system, user('What is the capital of Italy?')];
    const { result } = await chat.generate({ messages: other, sampling: greedy, maxTokens: 12 });
    expect(result.text).toBe(await freshAnswer(other, 12));
  });

  it('is right after a cancel in the middle of a long prompt, which is answered at once', async () => {
    const long = [system, user(`${sentence.repeat(78)}\nWhat animal jumps?`)];
    const controller = new AbortController();
    const running = chat.generate({ messages: long, sampling: greedy }, controller.signal);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const cancelledMs = performance.now();
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    expect(performance.now() - cancelledMs).toBeLessThan(700);
    const next = [system, user('What is the capital of France?')];
    const { result } = await chat.generate({ messages: next, sampling: greedy, maxTokens: 12 });
    expect(result.text).toContain('Paris');
    const whole = await chat.generate({ messages: long, sampling: greedy, maxTokens: 4 });
    expect(whole.result.promptTokens).toBeGreaterThan(1300);
    expect(whole.result.text.length).toBeGreaterThan(0);
  });

  it('drops the oldest turns when the context is full, and keeps the system prompt', async () => {
    const narrow = await loadChat(compiledDir, { contextTokens: 256 });
    const history: ChatMessage[] = [system];
    for (let i = 0; i < 8; i += 1) {
      history.push(user(`${i}: ${sentence}${sentence}`), { role: 'assistant', content: 'I see.' });
    }
    const messages = [...history, user('What is the capital of France?')];
    const { result } = await narrow.generate({ messages, sampling: greedy, maxTokens: 12 });
    expect(result.droppedMessages).toBeGreaterThan(0);
    expect(result.droppedMessages % 2).toBe(0);
    expect(result.promptTokens).toBeLessThan(256);
    // What is left is the system prompt and the last turns: a fresh start with just these says the same.
    const left = [system, ...messages.slice(1 + result.droppedMessages)];
    const again = await narrow.generate({ messages: left, sampling: greedy, maxTokens: 12 });
    expect(again.result).toMatchObject({
      text: result.text,
      promptTokens: result.promptTokens,
      droppedMessages: 0,
    });
    await expect(narrow.generate({ messages: [user(sentence.repeat(30))] })).rejects.toMatchObject({
      code: 'context-overflow',
    });
  });
});

describe('a provider that cannot be opened', () => {
  it('is replaced by the CPU, which says why, and the compiled graph stays', async () => {
    const before = readdirSync(compiledDir);
    const handlers = createChatHandlers();
    const context = { signal: new AbortController().signal, emit: () => {} };
    async function* pushes(): AsyncGenerator<never> {
      // Chat takes no pushes.
    }
    // Its library is not in the package, on a machine with such a card neither.
    const report = await handlers.load(
      { modelFile: SMOLLM2, compiledDir, threads: 2, provider: 'cuda' },
      { ...context, pushes: pushes() },
    );
    expect(report.provider).toBe('cpu');
    expect(report.providerReason).toContain('cuda failed when tried');
    const { text } = await handlers.generate(
      { messages: [user('What is the capital of France?')], sampling: greedy, maxTokens: 12 },
      { ...context, pushes: pushes() },
    );
    expect(text).toContain('Paris');
    expect(readdirSync(compiledDir)).toEqual(before);
  });
});

describe('damage', () => {
  it('to the compiled graph is repaired', async () => {
    const [compiled] = readdirSync(compiledDir).filter((name) => name.endsWith('-fast'));
    const own = temporaryFolder();
    try {
      const source = join(compiledDir, compiled ?? '');
      for (const damage of ['graph', 'weights'] as const) {
        const dir = join(own.path, damage);
        await loadChat(dir);
        const [name] = readdirSync(dir).filter((entry) => entry.endsWith('-fast'));
        expect(name).toBe(compiled);
        if (damage === 'graph') writeFileSync(join(dir, compiled ?? '', 'model.onnx'), 'nonsense');
        else truncateSync(join(dir, compiled ?? '', 'model.weights'), 1_000_000);
        const { result } = await (await loadChat(dir)).generate({
          messages: [user('What is the capital of France?')],
          sampling: greedy,
          maxTokens: 12,
        });
        expect(result.text).toContain('Paris');
        expect(readFileSync(join(dir, compiled ?? '', 'model.onnx'))).toEqual(
          readFileSync(join(source, 'model.onnx')),
        );
      }
    } finally {
      own.remove();
    }
  });

  it('left by a process that died, or by an earlier version, is swept away', async () => {
    const own = temporaryFolder();
    try {
      await loadChat(own.path);
      const [name = ''] = readdirSync(own.path).filter((entry) => entry.endsWith('-fast'));
      const half = `${name}.999999999.part`;
      const alive = `${name}.${process.ppid}.part`;
      const older = name.replace(/-v\d+-/, '-v0-');
      for (const entry of [half, alive, older]) mkdirSync(join(own.path, entry));
      rmSync(join(own.path, name), { recursive: true });
      await loadChat(own.path);
      const left = readdirSync(own.path);
      expect(left).toContain(name);
      expect(left).toContain(alive);
      expect(left).not.toContain(half);
      expect(left).not.toContain(older);
    } finally {
      own.remove();
    }
  });

  it('to the model file is refused', async () => {
    const path = join(folder.path, 'cut.gguf');
    const whole = readFileSync(SMOLLM2);
    for (const length of [0, 10, 100_000, 50_000_000]) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(loadChat(compiledDir, { modelFile: path })).rejects.toMatchObject({
        code: 'model-corrupt',
      });
    }
    await expect(loadChat(compiledDir, { modelFile: `${path}.absent` })).rejects.toMatchObject({
      code: 'model-missing',
    });
  });
});
