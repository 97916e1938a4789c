/**
 * Every architecture in every encoding, run by Sotto and by llama.cpp: tiny models of random weights, whose
 * logits must agree.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SottoError } from '../../src-main/contract/errors.ts';
import { seededRandom } from '../../src-main/core/sampling.ts';
import { type CausalLm, openCausalLm } from '../../src-main/engine/chat/causalLm.ts';
import { temporaryFolder } from '../helpers/chat.ts';
import { type Architecture, type Encoding, TINY, type TinyModel, tinyModel } from '../helpers/ggufWriter.ts';
import { type LlamaPeer, startLlamaPeer } from '../helpers/llamaPeer.ts';

const ARCHITECTURES: readonly Architecture[] = ['llama', 'qwen2', 'qwen3', 'gemma3'];
const ENCODINGS: readonly Encoding[] = [
  'F32',
  'F16',
  'BF16',
  'Q8_0',
  'Q4_0',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q4_K',
  'Q5_K',
  'Q6_K',
];
/** Root-mean-square of the difference over that of the logits; both sides round activations to 8 bit. */
const FLOAT_ERROR = 0.01;
const BLOCK_ERROR = 0.06;

const folder = temporaryFolder();
const random = seededRandom(7);
/** Longer than gemma3's window of 16. */
const ids = Array.from({ length: 40 }, () => Math.floor(random() * 256));
let peer: LlamaPeer;

beforeAll(async () => {
  peer = await startLlamaPeer();
});
afterAll(() => {
  peer.close();
  folder.remove();
});

function write(model: TinyModel): string {
  const path = join(folder.path, `${model.architecture}-${model.encoding}-${model.seed}.gguf`);
  writeFileSync(path, tinyModel(model));
  return path;
}

function open(modelFile: string, form: 'fast' | 'exact'): Promise<CausalLm> {
  return openCausalLm({
    modelFile,
    compiledDir: join(folder.path, 'compiled'),
    form,
    threads: 2,
    provider: 'cpu',
    contextTokens: 512,
  });
}

/** The logits after all ids, the last of them given alone as decoding does. */
async function run(lm: CausalLm): Promise<Float32Array> {
  try {
    await lm.evaluate(ids.slice(0, -1));
    return await lm.evaluate(ids.slice(-1));
  } finally {
    await lm.dispose();
  }
}

/** Relative error of `ours`. */
function distance(ours: Float32Array, theirs: readonly number[]): number {
  let error = 0;
  let size = 0;
  theirs.forEach((value, i) => {
    error += ((ours[i] as number) - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(error / size);
}

describe.each(ARCHITECTURES)('%s', (architecture) => {
  it.each(ENCODINGS)('in %s agrees with llama.cpp', async (encoding) => {
    const path = write({ architecture, encoding, seed: 11 });
    await peer.load(path, 512);
    const theirs = await peer.logits(ids);
    expect(theirs.length).toBe(TINY.vocabulary);
    const limit = encoding === 'F32' || encoding === 'F16' || encoding === 'BF16' ? FLOAT_ERROR : BLOCK_ERROR;
    expect(distance(await run(await open(path, 'exact')), theirs), 'exact').toBeLessThan(limit);
    expect(distance(await run(await open(path, 'fast')), theirs), 'fast').toBeLessThan(BLOCK_ERROR);
  });
});

describe('what is refused', () => {
  const refusal = async (model: TinyModel): Promise<SottoError> => {
    const error = await open(write(model), 'fast').then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof SottoError)) throw new Error(`expected a SottoError, got ${String(error)}`);
    return error;
  };

  it('an encoding Sotto cannot read, by its name', async () => {
    const error = await refusal({ architecture: 'llama', encoding: 'IQ4_XS', seed: 1 });
    expect(error.code).toBe('unsupported-model');
    expect(error.message).toContain('IQ4_XS');
  });

  it('an architecture Sotto does not run, by its name', async () => {
    const metadata = { 'general.architecture': { text: 'mamba' } };
    const error = await refusal({ architecture: 'llama', encoding: 'F32', seed: 2, metadata });
    expect(error.code).toBe('unsupported-model');
    expect(error.message).toContain('mamba');
  });

  it.each(['blk.1.ffn_down.weight', 'blk.0.attn_norm.weight', 'token_embd.weight', 'output_norm.weight'])(
    'a file without %s, by the name of what it lacks',
    async (name) => {
      const seed = 3 + name.length;
      const error = await refusal({ architecture: 'llama', encoding: 'F32', seed, without: [name] });
      expect(error.code).toBe('model-corrupt');
      expect(error.message).toContain(name);
    },
  );

  it('a mixture of experts', async () => {
    const metadata = { 'llama.expert_count': { u32: 8 } };
    const error = await refusal({ architecture: 'llama', encoding: 'F32', seed: 5, metadata });
    expect(error.message).toContain('mixture-of-experts');
  });

  it('sizes that do not fit the tensors', async () => {
    const metadata = { 'llama.feed_forward_length': { u32: 768 } };
    const error = await refusal({ architecture: 'llama', encoding: 'F32', seed: 6, metadata });
    expect(error.code).toBe('model-corrupt');
  });
});
