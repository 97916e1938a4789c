/** Recognition: word error rate on the recordings, and speed on a clip of about ten seconds. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeWav } from '../../src-main/core/audio/wav.ts';
import { openAudioFile } from '../../src-main/devices/files/openAudioFile.ts';
import { addErrors, wer, wordErrors } from '../helpers/wer.ts';
import { type BenchContext, median } from './context.ts';
import { startPeer } from './peers/peerProcess.ts';
import { pythonWithPeers } from './peers/pythonPeers.ts';
import type { BenchRow } from './rows.ts';

const ROUNDS = 7;

async function pcmOf(path: string): Promise<Float32Array> {
  const blocks: number[] = [];
  for await (const block of (await openAudioFile(path)).blocks)
    for (const sample of block) blocks.push(sample);
  return Float32Array.from(blocks);
}

async function transcribe(
  { leaves }: BenchContext,
  pcm: Float32Array,
): Promise<{ text: string; ms: number }> {
  const startedMs = performance.now();
  const call = leaves.asr.call('listen', { mode: 'file' });
  call.push({ kind: 'audio', pcm });
  call.push({ kind: 'end' });
  const { text } = await call.result;
  return { text, ms: performance.now() - startedMs };
}

export async function asrBench(context: BenchContext): Promise<BenchRow[]> {
  const references = JSON.parse(await readFile('tests/audio/references.json', 'utf8')) as Record<
    string,
    string
  >;
  const errors = [];
  let audioMs = 0;
  let computeMs = 0;
  for (const [file, reference] of Object.entries(references)) {
    if (!file.startsWith('read/')) continue;
    const pcm = await pcmOf(join('tests/audio', file));
    const { text, ms } = await transcribe(context, pcm);
    errors.push(wordErrors(reference, text));
    audioMs += pcm.length / 16;
    computeMs += ms;
  }
  const rate = wer(addErrors(errors)) * 100;
  const rows: BenchRow[] = [
    {
      id: 'asr.wer',
      title: 'word error rate, recordings read aloud',
      unit: '%',
      ours: rate,
      samples: errors.length,
      judged: { value: rate, target: { atLeast: 10, aim: 6 }, better: 'low', unit: '%' },
    },
    {
      id: 'asr.speed',
      title: 'recognition, times real time',
      unit: '×',
      ours: audioMs / computeMs,
      samples: errors.length,
    },
  ];
  return [...rows, ...(await tenSeconds(context))];
}

/** The same clip through ours and the peer's whole path (voice detection, encoder, decoder), in turn. */
async function tenSeconds(context: BenchContext): Promise<BenchRow[]> {
  const parts = await Promise.all(
    ['0870', '0880'].map((id) => pcmOf(`tests/audio/read/sense_and_sensibility_01_austen_64kb-${id}.wav`)),
  );
  const clip = Float32Array.from(parts.flatMap((part) => [...part]));
  const title = `recognition, ${(clip.length / 16_000).toFixed(1)} s clip`;
  const wav = join(context.cacheDir, 'ten-seconds.wav');
  await writeFile(wav, encodeWav(clip, 16_000));
  const peer = context.withPeers
    ? await startPeer(await pythonWithPeers(context.cacheDir), [
        'tests/bench/peers/moonshine_peer.py',
        context.modelFiles.asrDir,
      ])
    : null;
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= ROUNDS; round += 1) {
    const { ms } = await transcribe(context, clip);
    const answer = await peer?.ask({ wav });
    // The first round warms both.
    if (round === 0) continue;
    ours.push(ms);
    if (answer !== undefined) theirs.push(answer.ms as number);
  }
  peer?.close();
  if (peer === null) return [{ id: 'asr.ten', title, unit: 'ms', ours: median(ours), samples: ROUNDS }];
  const value = median(theirs) / median(ours);
  return [
    {
      id: 'asr.ten',
      title,
      unit: 'ms',
      ours: median(ours),
      peer: { name: 'moonshine-voice', value: median(theirs) },
      samples: ROUNDS,
      judged: { value, target: { atLeast: 2, aim: 4 }, better: 'high', unit: '× as fast' },
    },
  ];
}
