import { describe, expect, it } from 'vitest';
import { listen, loadAsr, recording, references, splice } from '../helpers/asr.ts';
import { wer, wordErrors } from '../helpers/wer.ts';

const perMinuteSamples = 60 * 16_000;

describe('an hour of audio', () => {
  it('is transcribed in constant memory, with no words lost and times that do not drift', async () => {
    const asr = await loadAsr();
    const paths = [...(await references()).entries()].filter(([path]) => path.includes('austen'));
    const parts = (await Promise.all(paths.map(([path]) => recording(path)))).flatMap((pcm) => [pcm, 900]);
    const round = splice(...parts, 1_600); // long enough that no segment reaches into the next round
    const roundText = paths.map(([, text]) => text).join(' ');
    const rounds = Math.ceil((60 * perMinuteSamples) / round.length);
    const rssBytes: number[] = [];
    async function* hour(): AsyncGenerator<Float32Array> {
      for (let i = 0; i < rounds; i++) {
        rssBytes.push(process.memoryUsage().rss);
        for (let at = 0; at < round.length; at += 16_000) yield round.slice(at, at + 16_000);
      }
    }
    const { result } = await listen(asr, hour(), { mode: 'file' });
    expect(result.audioMs).toBe((rounds * round.length) / 16);
    const text = Array.from({ length: rounds }, () => roundText);
    const perRoundMs = round.length / 16;
    // Word alignment over the hour is quadratic; every round is compared by the segments in its time.
    for (const [i, wanted] of text.entries()) {
      const inside = result.segments.filter(({ startMs }) => Math.floor(startMs / perRoundMs) === i);
      expect(wer(wordErrors(wanted, inside.map((segment) => segment.text).join(' ')))).toBeLessThan(0.15);
    }
    const early = rssBytes[Math.floor(rounds * 0.1)] ?? 0;
    const late = Math.max(...rssBytes.slice(Math.floor(rounds * 0.5)));
    expect(late - early).toBeLessThan(80e6);
  });
});
