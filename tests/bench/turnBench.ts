/**
 * Whole turns: recorded questions at the speed of speech, the key released 200 ms after the last speech
 * sample, the answer at a clocked speaker. Cold is the first turn after loading; it is kept apart.
 */
import { readdir } from 'node:fs/promises';
import type { Marks } from '../../src-main/contract/domain.ts';
import { percentile, renderWaterfall, span } from '../../src-main/core/ledger.ts';
import { openAudioFile } from '../../src-main/devices/files/openAudioFile.ts';
import type { AudioInput } from '../../src-main/devices/ports.ts';
import { silentOutput } from '../../src-main/devices/silentOutput.ts';
import { wavInput } from '../../src-main/devices/wavInput.ts';
import { createConversation, type Turn } from '../../src-main/flows/conversation.ts';
import { SYSTEM_PROMPT } from '../../src-main/flows/speakingStyle.ts';
import type { BenchContext } from './context.ts';
import type { BenchRow } from './rows.ts';

const RELEASE_AFTER_MS = 200;

async function lastSpeechOf({ leaves }: BenchContext, file: string): Promise<number> {
  const call = leaves.asr.call('listen', { mode: 'file' });
  for await (const pcm of (await openAudioFile(file)).blocks) call.push({ kind: 'audio', pcm });
  call.push({ kind: 'end' });
  return (await call.result).lastSpeechMs ?? 0;
}

/** One turn in a conversation of its own, stopped as soon as its first sample was audible. */
async function oneTurn(context: BenchContext, file: string, lastSpeechMs: number): Promise<Marks> {
  const source = wavInput(file, { realTime: true });
  let turn: Turn | null = null;
  const input: AudioInput = {
    name: file,
    open: async (signal) => {
      const open = await source.open(signal);
      setTimeout(() => turn?.release(), lastSpeechMs + RELEASE_AFTER_MS);
      return open;
    },
  };
  const conversation = createConversation(
    {
      ...context.leaves,
      input,
      output: silentOutput(),
      voiceRateHz: context.voiceRateHz,
      nowMs: () => performance.now(),
    },
    {
      systemPrompt: SYSTEM_PROMPT,
      sampling: { temperature: 0 },
      maxTokens: 60,
    },
  );
  const running = conversation.beginTurn((notice) => {
    // What comes after the first sample is not measured, and the ear need not wait for it.
    if (notice.kind === 'state' && notice.state === 'speaking') setTimeout(() => running.interrupt(), 150);
  });
  turn = running;
  return (await running.result).marks;
}

export async function turnBench(context: BenchContext): Promise<BenchRow[]> {
  const folder = 'tests/audio/questions';
  const files = (await readdir(folder))
    .filter((name) => name.endsWith('.wav'))
    .sort()
    .map((name) => `${folder}/${name}`);
  const ends = new Map<string, number>();
  for (const file of files) ends.set(file, await lastSpeechOf(context, file));
  const all: Marks[] = [];
  for (let i = 0; i < context.turns; i += 1) {
    const file = files[i % files.length] as string;
    all.push(await oneTurn(context, file, ends.get(file) as number));
    if (i % 12 === 11) context.say(`  ${i + 1} of ${context.turns} turns`);
  }
  const warm = all.slice(1);
  const spoken = warm.map((marks) => span(marks, 'lastSpeech', 'firstAudible')).filter((ms) => ms !== null);
  const released = warm.map((marks) => span(marks, 'keyUp', 'firstAudible')).filter((ms) => ms !== null);
  const middle = percentile(spoken, 0.5);
  const typical = warm.find((marks) => span(marks, 'lastSpeech', 'firstAudible') === middle);
  if (typical !== undefined) context.say(`A turn of median length:\n${renderWaterfall(typical)}`);
  const row = (
    id: string,
    title: string,
    value: number,
    target?: { atLeast: number; aim: number },
  ): BenchRow => ({
    id,
    title,
    unit: 'ms',
    ours: value,
    samples: warm.length,
    ...(target === undefined ? {} : { judged: { value, target, better: 'low' as const, unit: 'ms' } }),
  });
  const cold = all[0] === undefined ? null : span(all[0], 'lastSpeech', 'firstAudible');
  return [
    row('turn.speech.p50', 'last speech sample → first audible sample, p50', middle, {
      atLeast: 400,
      aim: 250,
    }),
    row('turn.speech.p95', 'last speech sample → first audible sample, p95', percentile(spoken, 0.95), {
      atLeast: 650,
      aim: 400,
    }),
    row('turn.key.p50', 'key up → first audible sample, p50', percentile(released, 0.5), {
      atLeast: 200,
      aim: 50,
    }),
    row('turn.key.p95', 'key up → first audible sample, p95', percentile(released, 0.95)),
    {
      id: 'turn.cold',
      title: 'the first turn after loading, last speech → audible',
      unit: 'ms',
      ours: cold ?? Number.NaN,
      samples: 1,
    },
  ];
}
