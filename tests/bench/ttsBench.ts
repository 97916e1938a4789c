/** Speech: first audio and real-time factor of a short and a four-second sentence, against piper-tts. */
import { type BenchContext, median } from './context.ts';
import { startPeer } from './peers/peerProcess.ts';
import { pythonWithPeers } from './peers/pythonPeers.ts';
import { type BenchRow, ratioRow } from './rows.ts';

const ROUNDS = 9;
const SENTENCES = [
  { id: 'short', text: 'It is a quarter past nine.', title: 'a short sentence' },
  {
    id: 'long',
    text: 'The quick brown fox jumps over the lazy dog, and then it runs into the forest.',
    title: 'a 4 s sentence',
  },
] as const;

interface Measured {
  readonly firstMs: number;
  readonly factor: number;
}

async function ours({ leaves }: BenchContext, text: string): Promise<Measured> {
  const startedMs = performance.now();
  let firstMs = 0;
  const { totalSamples, rateHz } = await leaves.tts.call(
    'speak',
    { text },
    {
      onEvent: () => {
        if (firstMs === 0) firstMs = performance.now() - startedMs;
      },
    },
  ).result;
  return { firstMs, factor: (performance.now() - startedMs) / ((totalSamples * 1000) / rateHz) };
}

export async function ttsBench(context: BenchContext): Promise<BenchRow[]> {
  const { voice, voiceConfig } = context.modelFiles;
  const peer = context.withPeers
    ? await startPeer(await pythonWithPeers(context.cacheDir), [
        'tests/bench/peers/piper_peer.py',
        voice,
        voiceConfig,
        String(context.threads),
      ])
    : null;
  const rows: BenchRow[] = [];
  for (const { id, text, title } of SENTENCES) {
    const a: Measured[] = [];
    const b: Measured[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      const mine = await ours(context, text);
      const answer = await peer?.ask({ text });
      if (round === 0) continue;
      a.push(mine);
      if (answer !== undefined) {
        b.push({
          firstMs: answer.firstAudioMs as number,
          factor: (answer.totalMs as number) / (answer.audioMs as number),
        });
      }
    }
    const first = {
      id: `tts.first.${id}`,
      title: `first audio of ${title}`,
      unit: 'ms',
      ours: median(a.map((run) => run.firstMs)),
      samples: ROUNDS,
    };
    const factor = {
      id: `tts.factor.${id}`,
      title: `real-time factor of ${title}`,
      unit: '',
      ours: median(a.map((run) => run.factor)),
      samples: ROUNDS,
    };
    if (peer === null) rows.push(first, factor);
    else {
      const value = median(b.map((run) => run.firstMs));
      const compared = { ...first, peer: { name: 'piper-tts', value } };
      rows.push(
        // The target is for the sentence; a few words are there to be seen.
        id === 'short' ? compared : ratioRow(compared, { atLeast: 0.6, aim: 0.35 }, 'low'),
        { ...factor, peer: { name: 'piper-tts', value: median(b.map((run) => run.factor)) } },
      );
    }
  }
  peer?.close();
  return rows;
}
