import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LeafName } from '../../src-main/contract/leaf.ts';
import { resample } from '../../src-main/core/audio/resample.ts';
import { span } from '../../src-main/core/ledger.ts';
import { openClockedOutput } from '../../src-main/devices/clockedOutput.ts';
import type { AudioOutput } from '../../src-main/devices/ports.ts';
import { wavInput } from '../../src-main/devices/wavInput.ts';
import { type Conversation, createConversation, type Turn } from '../../src-main/flows/conversation.ts';
import { type RealEngine, startRealEngine } from '../helpers/engine.ts';
import { wer, wordErrors } from '../helpers/wer.ts';

const QUESTION = 'tests/audio/questions/question_1_af_heart.wav';
const SAID = 'What is the capital of France?';

let engine: RealEngine;
beforeAll(async () => {
  engine = await startRealEngine(['asr', 'chat', 'tts']);
});
afterAll(() => engine.leaves.stop());

/** What a listener at the speaker would have. */
let played = new Float32Array(0);
const ear: AudioOutput = {
  name: 'ear',
  open: async (rateHz) =>
    openClockedOutput(rateHz, async (heard) => {
      played = heard as Float32Array<ArrayBuffer>;
    }),
};

function conversation(): Conversation {
  return createConversation(
    {
      ...engine.leaves,
      input: wavInput(QUESTION, { realTime: true }),
      output: ear,
      voiceRateHz: engine.voiceRateHz,
      nowMs: () => performance.now(),
    },
    { systemPrompt: 'Answer in one short sentence.', sampling: { temperature: 0 }, maxTokens: 40 },
  );
}

/** Presses the key, lets the recording be heard, and releases a moment after its end. */
function ask(talk: Conversation, during: (turn: Turn) => void = () => {}): Turn {
  const turn = talk.beginTurn((notice) => {
    if (notice.kind === 'paused' && notice.lastSpeechMs > 1000) setTimeout(() => turn.release(), 60);
    if (notice.kind === 'word') during(turn);
  });
  return turn;
}

describe('a spoken turn on real models', () => {
  it('answers aloud, in order, and what was played is what was written', async () => {
    const talk = conversation();
    const result = await ask(talk).result;
    expect(result.heard).toBe(SAID);
    expect(result.reply).toContain('Paris');
    expect(result.spoken).toBe(result.reply);
    const { marks } = result;
    const order = [
      marks.keyDown,
      marks.firstBlock,
      marks.lastSpeech,
      marks.firstToken,
      marks.firstClause,
      marks.firstAudio,
      marks.firstAudible,
    ] as number[];
    expect(order).toEqual([...order].sort((a, b) => a - b));
    expect(marks.firstAudible).toBeGreaterThanOrEqual(marks.keyUp as number);
    expect(span(marks, 'lastSpeech', 'firstAudible')).toBeLessThan(3000);

    const listen = engine.leaves.asr.call('listen', { mode: 'file' });
    listen.push({ kind: 'audio', pcm: resample(played, engine.voiceRateHz, 16_000) });
    listen.push({ kind: 'end' });
    const understood = (await listen.result).text;
    // The voice and the recogniser are both small: one word in three may be lost between them.
    expect(wer(wordErrors(result.reply, understood)), `read back as “${understood}”`).toBeLessThanOrEqual(
      0.35,
    );
  });

  it('remembers the turns before', async () => {
    const talk = conversation();
    for (let i = 0; i < 3; i += 1) await ask(talk).result;
    expect(talk.history.map(({ role }) => role)).toEqual([
      'system',
      'user',
      'assistant',
      'user',
      'assistant',
      'user',
      'assistant',
    ]);
    expect(talk.history[1]?.content).toBe(SAID);
  });

  it('keeps exactly the heard words when it is interrupted', async () => {
    const talk = conversation();
    let isInterrupted = false;
    const result = await ask(talk, (turn) => {
      if (isInterrupted) return;
      isInterrupted = true;
      setTimeout(() => turn.interrupt(), 700);
    }).result;
    expect(result.interrupted).toBe(true);
    expect(result.spoken.length).toBeGreaterThan(0);
    expect(result.spoken.length).toBeLessThan(result.reply.length);
    expect(result.reply.startsWith(result.spoken)).toBe(true);
    expect(talk.history.at(-1)).toEqual({ role: 'assistant', content: result.spoken });
    // About 0.7 s left the speaker, not what lay in the queue behind it.
    expect(played.length / engine.voiceRateHz).toBeGreaterThan(0.4);
    expect(played.length / engine.voiceRateHz).toBeLessThan(1.2);
  });

  it.each<LeafName>(['asr', 'chat', 'tts'])(
    'goes on with the next turn after the %s process was killed in this one',
    async (leaf) => {
      const talk = conversation();
      const turn = talk.beginTurn((notice) => {
        if (notice.kind === 'partial' || notice.kind === 'paused') {
          const pid = engine.leaves[leaf].pid();
          if (pid !== undefined && !isKilled) process.kill(pid, 'SIGKILL');
          isKilled = true;
          setTimeout(() => turn.release(), 60);
        }
      });
      let isKilled = false;
      const outcome = await turn.result.then(
        () => 'answered',
        (error: { code?: string }) => error.code,
      );
      expect(isKilled).toBe(true);
      // The recogniser's turn is lost; model and voice may be back in time for theirs.
      expect(['leaf-crashed', 'answered']).toContain(outcome);
      if (leaf === 'asr') expect(outcome).toBe('leaf-crashed');
      expect((await ask(talk).result).heard).toBe(SAID);
    },
  );
});
