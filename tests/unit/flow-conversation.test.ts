import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../src-main/contract/errors.ts';
import type { LeafClient, TtsSpeak } from '../../src-main/contract/leaf.ts';
import type { AudioInput, AudioOutput, OpenOutput } from '../../src-main/devices/ports.ts';
import { createConversation, type TurnNotice } from '../../src-main/flows/conversation.ts';
import { type FakeRequest, fakeLeaf } from '../helpers/fakeLeaves.ts';

/** Samples of a spoken character: long enough that an interruption falls inside words. */
const SAMPLES_PER_CHAR = 100;
const RATE_HZ = 22_050;

/** A microphone that delivers silence until it is closed. */
const microphone: AudioInput = {
  name: 'fake',
  open: async () => {
    let isClosed = false;
    return {
      close: async () => {
        isClosed = true;
      },
      blocks: (async function* () {
        while (!isClosed) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          yield { pcm: new Float32Array(320), capturedAtMs: performance.now() };
        }
      })(),
    };
  },
};

/** A speaker that plays what it is told to: `advance` lets samples leave. */
function speaker() {
  let written = 0;
  let allowed = 0;
  let stopped = false;
  let wake = (): void => {};
  const output: OpenOutput = {
    write: async (pcm) => {
      if (!stopped) written += pcm.length;
      wake();
    },
    playedSamples: () => Math.min(written, allowed),
    startedAtMs: () => (written > 0 ? 1 : null),
    drained: async () => {
      while (!stopped && allowed < written) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    stop: () => {
      stopped = true;
      wake();
      return Math.min(written, allowed);
    },
    close: async () => {},
  };
  const device: AudioOutput = {
    name: 'fake',
    open: async () => {
      written = 0;
      stopped = false;
      return output;
    },
  };
  return {
    device,
    written: () => written,
    advance(samples: number) {
      allowed += samples;
      wake();
    },
    reset() {
      allowed = 0;
    },
  };
}

/** Speaks every character as a hundred samples, a chunk a word. */
const tts: LeafClient<'tts'> = fakeLeaf<'tts'>(async ({ input, emit }) => {
  const { text } = input as TtsSpeak;
  let at = 0;
  for (const match of text.matchAll(/\S+/g)) {
    const start = match.index;
    const samples = match[0].length * SAMPLES_PER_CHAR;
    const word = {
      text: match[0],
      start,
      end: start + match[0].length,
      startSample: at,
      endSample: at + samples,
    };
    emit({ kind: 'audio', pcm: new Float32Array(samples), rateHz: RATE_HZ, words: [word] });
    at += samples;
    await Promise.resolve();
  }
  return { totalSamples: at, rateHz: RATE_HZ, words: [] };
});

/** Answers each question with a fixed reply, and remembers what it was asked. */
function model(reply: string) {
  const asked: string[][] = [];
  const aborted: string[] = [];
  const chat = fakeLeaf<'chat'>(async ({ method, input, emit, signal }) => {
    if (method === 'prefill') return { cachedTokens: 0 };
    const { messages } = input as { messages: { role: string; content: string }[] };
    asked.push(messages.map(({ role, content }) => `${role}: ${content}`));
    signal.addEventListener('abort', () => aborted.push(messages.at(-1)?.content ?? ''), { once: true });
    for (const token of reply.match(/\S+\s*/g) ?? []) {
      emit({ kind: 'text', text: token });
      await new Promise((resolve) => setImmediate(resolve));
    }
    return { text: reply };
  });
  return { chat, asked, aborted };
}

const heardResult = (text: string, confirmsTrial: number | null = null) => ({
  text,
  segments: [],
  lastSpeechMs: text === '' ? null : 10,
  audioMs: 20,
  confirmsTrial,
});

/** A recogniser that waits for the end of the audio and then has heard `text`. */
const recogniser = (text: string, during: (request: FakeRequest) => void = () => {}): LeafClient<'asr'> =>
  fakeLeaf<'asr'>(
    (request) =>
      new Promise((resolve) => {
        during(request);
        request.onPush = (message) => {
          if ((message as { kind: string }).kind === 'end') resolve(heardResult(text));
        };
      }),
  );

/** A recogniser that took the words as final before the key went up. */
const pausing = (text: string): LeafClient<'asr'> =>
  recogniser(text, ({ emit }) => {
    setTimeout(() => emit({ kind: 'trial', revision: 1, text, lastSpeechMs: 10 }), 1);
  });

const options = { systemPrompt: 'Be brief.' };
const base = { tts, input: microphone, voiceRateHz: RATE_HZ, nowMs: () => performance.now() };
const settle = (ms = 30): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('a turn', () => {
  it('answers what was said, and the history holds both', async () => {
    const ear = speaker();
    ear.advance(1e9);
    const { chat, asked } = model('It is Paris. Nice there.');
    const conversation = createConversation(
      { ...base, asr: recogniser('Capital of France?'), chat, output: ear.device },
      options,
    );
    const turn = conversation.beginTurn();
    turn.release();
    const result = await turn.result;
    expect(result).toMatchObject({
      heard: 'Capital of France?',
      reply: 'It is Paris. Nice there.',
      spoken: 'It is Paris. Nice there.',
      interrupted: false,
    });
    expect(asked).toEqual([['system: Be brief.', 'user: Capital of France?']]);
    expect(conversation.history.map(({ content }) => content)).toEqual([
      'Be brief.',
      'Capital of France?',
      'It is Paris. Nice there.',
    ]);
  });

  it('asks no model when nothing was heard', async () => {
    const { chat, asked } = model('Never.');
    const ear = speaker();
    const conversation = createConversation(
      { ...base, asr: recogniser(''), chat, output: ear.device },
      options,
    );
    const turn = conversation.beginTurn();
    turn.release();
    expect(await turn.result).toMatchObject({ heard: '', reply: '' });
    expect(asked).toEqual([]);
    expect(conversation.history).toHaveLength(1);
  });

  it('prepares the answer at a pause, silently, and plays it once the key is up', async () => {
    const ear = speaker();
    ear.advance(1e9);
    const { chat, asked } = model('Ready before you let go.');
    const asr = recogniser('Hello there', ({ emit }) => {
      setTimeout(() => emit({ kind: 'trial', revision: 1, text: 'Hello there', lastSpeechMs: 10 }), 5);
    });
    const turn = createConversation({ ...base, asr, chat, output: ear.device }, options).beginTurn();
    await settle(60);
    expect(asked).toHaveLength(1);
    expect(ear.written()).toBe(0);
    turn.release();
    const { spoken, marks } = await turn.result;
    expect(spoken).toBe('Ready before you let go.');
    expect(asked).toHaveLength(1);
    expect(marks.firstToken).toBeLessThan(marks.keyUp as number);
  });

  it('drops the prepared answer without a trace when speech goes on', async () => {
    const ear = speaker();
    ear.advance(1e9);
    const { chat, asked, aborted } = model('An answer.');
    const asr = recogniser('Hello there my friend', ({ emit }) => {
      setTimeout(() => emit({ kind: 'trial', revision: 1, text: 'Hello there', lastSpeechMs: 10 }), 5);
      setTimeout(() => emit({ kind: 'resumed', revision: 1 }), 25);
    });
    const conversation = createConversation({ ...base, asr, chat, output: ear.device }, options);
    const turn = conversation.beginTurn();
    await settle(60);
    expect(aborted).toEqual(['Hello there']);
    expect(ear.written()).toBe(0);
    turn.release();
    await turn.result;
    expect(asked.map((messages) => messages.at(-1))).toEqual([
      'user: Hello there',
      'user: Hello there my friend',
    ]);
    expect(conversation.history.map(({ content }) => content)).not.toContain('Hello there');
  });

  it('ends with a coded error when a stage fails, and the next turn works', async () => {
    const ear = speaker();
    ear.advance(1e9);
    let isBroken = true;
    const { chat: working } = model('Back again.');
    const chat = {
      call: (method: string, input: unknown, callOptions: unknown) => {
        if (isBroken && method === 'generate') {
          return {
            push: () => {},
            result: Promise.reject(new SottoError('gone', { code: 'leaf-crashed', stage: 'chat' })),
          };
        }
        return (working.call as (...args: unknown[]) => unknown)(method, input, callOptions);
      },
    } as unknown as LeafClient<'chat'>;
    const conversation = createConversation(
      { ...base, asr: recogniser('Hi'), chat, output: ear.device },
      options,
    );
    const first = conversation.beginTurn();
    first.release();
    await expect(first.result).rejects.toMatchObject({ code: 'leaf-crashed' });
    isBroken = false;
    const second = conversation.beginTurn();
    second.release();
    expect((await second.result).spoken).toBe('Back again.');
  });

  it('takes a new key press as the end of the reply before it', async () => {
    const ear = speaker();
    ear.advance(4 * SAMPLES_PER_CHAR);
    const { chat, asked } = model('One two three four.');
    const conversation = createConversation(
      { ...base, asr: pausing('Count'), chat, output: ear.device },
      options,
    );
    const first = conversation.beginTurn();
    await settle(10);
    first.release();
    await settle();
    const second = conversation.beginTurn();
    expect(await first.result).toMatchObject({ interrupted: true, spoken: 'One' });
    ear.advance(1e9);
    second.release();
    await second.result;
    expect(asked[1]).toEqual(['system: Be brief.', 'user: Count', 'assistant: One', 'user: Count']);
  });
});

describe('words that are known', () => {
  it('stay in the history when the user interrupts before the answer is heard', async () => {
    const ear = speaker();
    const { chat } = model('Never heard of it.');
    const conversation = createConversation(
      { ...base, asr: pausing('What was it?'), chat, output: ear.device },
      options,
    );
    const turn = conversation.beginTurn();
    await settle();
    turn.release();
    await settle();
    turn.interrupt();
    expect(await turn.result).toMatchObject({ heard: 'What was it?', spoken: '', interrupted: true });
    expect(conversation.history.at(-1)).toEqual({ role: 'user', content: 'What was it?' });
  });
});

describe('a typed question', () => {
  it('is answered aloud after what was said before, and tells the reply as it grows', async () => {
    const ear = speaker();
    ear.advance(1e9);
    const { chat, asked } = model('It is Rome.');
    const replies: string[] = [];
    const conversation = createConversation(
      { ...base, asr: recogniser(''), chat, output: ear.device },
      options,
      [
        { role: 'user', content: 'Capital of France?' },
        { role: 'assistant', content: 'Paris.' },
      ],
    );
    const turn = conversation.ask('And of Italy?', (notice) => {
      if (notice.kind === 'reply') replies.push(notice.text);
    });
    const { heard, spoken, marks } = await turn.result;
    expect([heard, spoken]).toEqual(['And of Italy?', 'It is Rome.']);
    expect(asked).toEqual([
      ['system: Be brief.', 'user: Capital of France?', 'assistant: Paris.', 'user: And of Italy?'],
    ]);
    expect(replies).toEqual(['It ', 'It is ', 'It is Rome.']);
    expect(marks.firstAudible).toBeDefined();
    expect(turn.spoken()?.heard).toEqual({ heard: 'It is Rome.', unheard: '' });
    expect(turn.spoken()?.word?.text).toBe('Rome.');
  });
});

describe('a text read aloud', () => {
  it('asks no model and leaves no trace in the history', async () => {
    const ear = speaker();
    ear.advance(1e9);
    const { chat, asked } = model('Never.');
    const conversation = createConversation(
      { ...base, asr: recogniser(''), chat, output: ear.device },
      options,
    );
    const { spoken, heard } = await conversation.readAloud('Once more. From the top.').result;
    expect([heard, spoken]).toEqual(['', 'Once more. From the top.']);
    expect(asked).toEqual([]);
    expect(conversation.history).toHaveLength(1);
  });
});

describe('what the model is told later', () => {
  it('is never more than what left the speaker, wherever the reply is cut', async () => {
    let repliesHeard = 0;
    const words = fc.array(fc.stringMatching(/^[a-z]{1,9}[.,]?$/), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(words, fc.integer({ min: 0, max: 8000 }), async (parts, playedSamples) => {
        const reply = parts.join(' ');
        const ear = speaker();
        ear.advance(playedSamples);
        const { chat } = model(reply);
        const notices: TurnNotice[] = [];
        const conversation = createConversation(
          { ...base, asr: pausing('Go'), chat, output: ear.device },
          options,
        );
        const turn = conversation.beginTurn((notice) => notices.push(notice));
        await settle(4);
        turn.release();
        await settle(12);
        const heardBefore = Math.min(playedSamples, ear.written());
        turn.interrupt();
        const { spoken } = await turn.result;
        expect(reply.startsWith(spoken)).toBe(true);
        // Every whole word that left, and not one more.
        const spokenSamples = spoken.replace(/\s/g, '').length * SAMPLES_PER_CHAR;
        expect(spokenSamples).toBeLessThanOrEqual(heardBefore);
        if (spoken !== '') repliesHeard += 1;
        const told = conversation.history
          .filter(({ role }) => role === 'assistant')
          .map(({ content }) => content);
        expect(told).toEqual(spoken.trim() === '' ? [] : [spoken]);
      }),
      { numRuns: 60 },
    );
    // Without this the property would hold for a speaker that never plays.
    expect(repliesHeard).toBeGreaterThan(20);
  });
});
