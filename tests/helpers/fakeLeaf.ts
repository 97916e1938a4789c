/** A leaf that misbehaves on request: the text given to `speak` (or the modelFile of a load) names how. */

import { SottoError } from '../../src-main/contract/errors.ts';
import type { LeafHandlers, TtsLoad } from '../../src-main/contract/leaf.ts';
import { parentPort, serveLeaf } from '../../src-main/host/serve.ts';

const block = (ms: number): void => {
  const untilMs = Date.now() + ms;
  while (Date.now() < untilMs);
};
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const samples = (count: number) => ({ totalSamples: count, rateHz: 16_000, words: [] });
const audio = (at: number) => ({ kind: 'audio' as const, pcm: new Float32Array(4), rateHz: at, words: [] });

let loaded: TtsLoad | null = null;

const handlers: LeafHandlers<'tts'> = {
  async load(input) {
    if (input.modelFile === 'abort') process.abort();
    if (input.modelFile === 'corrupt') {
      throw new SottoError('corrupt', { code: 'model-corrupt', stage: 'tts' });
    }
    if (input.modelFile === 'slow') block(2500);
    loaded = input;
    return {
      loadMs: 1,
      warmMs: 1,
      provider: 'cpu',
      providerReason: 'fake',
      residentBytes: process.memoryUsage.rss(),
      rateHz: 16_000,
      speakers: [input.modelFile],
    };
  },
  async speak({ text }, { signal, emit, pushes }) {
    const [verb = '', argument = '0'] = text.split(' ');
    const count = Number(argument);
    switch (verb) {
      case 'abort':
        process.abort();
        break;
      case 'exit':
        emit(audio(0));
        await sleep(20);
        process.exit(count);
        break;
      case 'block':
        block(count);
        return samples(count);
      case 'hang':
        for (;;) block(1000);
      case 'flood':
        for (;;) {
          for (let i = 0; i < 500; i += 1) emit(audio(i));
          await sleep(1);
        }
      case 'events':
        for (let i = 0; i < count; i += 1) emit(audio(i));
        return samples(count);
      case 'deaf':
        for (;;) await sleep(50);
      case 'wait':
        await new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        });
        break;
      case 'fail':
        throw new SottoError('no such symbol', { code: 'unspeakable-symbol', stage: 'tts' });
      case 'nonsense':
        process.send?.({ kind: 'what' });
        await sleep(5000);
        break;
      case 'stale':
        process.send?.({ kind: 'result', generation: -1, id: 1, output: samples(666) });
        process.send?.({ kind: 'result', generation: 999, id: 2, output: samples(666) });
        await sleep(50);
        return samples(7);
      case 'loaded':
        return samples(Number(loaded?.modelFile ?? -1));
      case 'env':
        return samples(process.env.SOTTO_TEST_SECRET === undefined ? 0 : 1);
      case 'echo': {
        let total = 0;
        for await (const message of pushes as AsyncIterable<Float32Array>) {
          if (message.length === 0) break;
          total += message.length;
          emit({ ...audio(message[0] ?? -1), pcm: count === 1 ? message : new Float32Array(0) });
        }
        return samples(total);
      }
    }
    return samples(0);
  },
};

serveLeaf('tts', handlers, parentPort(), Number(process.argv[2]));
