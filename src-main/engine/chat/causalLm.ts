/**
 * A language model: token ids in, logits of the next token out, cache kept between calls.
 *
 * Long prompts are cut into chunks, so that a cancel is seen within a fraction of a second and no single
 * tensor grows without bound (scores of 256 × 4096 tokens and nine heads are 38 MB).
 */

import type { Provider } from '../../contract/domain.ts';
import { SottoError } from '../../contract/errors.ts';
import { type Feeds, openSession, type Session, Tensor } from '../runtime/ort.ts';
import { checkTensors } from './architectures/checkTensors.ts';
import type { ArchitectureSpec } from './architectures/spec.ts';
import { architectureSpec } from './architectures/supported.ts';
import { compiledGraph, discardCompiled } from './compile.ts';
import { type LayerKinds, layerKinds } from './graph.ts';
import { KvCache } from './kvCache.ts';
import { type ModelFile, openModelFile } from './modelFile.ts';
import type { Form } from './packedMatrix.ts';

/** Tokens of one prefill run: about 150 ms of a 135 M model on two cores. */
const CHUNK_TOKENS = 256;

export interface CausalLmOptions {
  readonly modelFile: string;
  readonly compiledDir: string;
  readonly form: Form;
  readonly threads: number;
  readonly provider: Provider;
  /** Capped by what the model was trained for. */
  readonly contextTokens: number;
  readonly onProgress?: (done: number) => void;
  /** Told once when `provider` failed in a run and the CPU took over. */
  readonly onFallback?: (reason: string) => void;
  readonly signal?: AbortSignal;
}

export interface CausalLm {
  readonly spec: ArchitectureSpec;
  readonly file: ModelFile;
  readonly contextTokens: number;
  readonly cache: KvCache;
  /**
   * Appends tokens to the cache.
   *
   * @returns logits [vocabulary] of the token after the last one; the array is the caller's
   * @throws SottoError `context-overflow` when they do not fit; the signal's reason when aborted, with the
   * chunks already done kept in the cache
   */
  evaluate(tokens: readonly number[], signal?: AbortSignal): Promise<Float32Array>;
  dispose(): Promise<void>;
}

/** Opens a GGUF file, compiling it on first use. */
export async function openCausalLm(options: CausalLmOptions): Promise<CausalLm> {
  const file = await openModelFile(options.modelFile);
  try {
    const spec = architectureSpec(file.gguf);
    checkTensors(file.gguf, spec);
    const session = await openCompiled(file, spec, options);
    const factors = file.has('rope_freqs.weight') ? await file.floats('rope_freqs.weight') : null;
    return causalLm(file, spec, session, factors, Math.min(options.contextTokens, spec.contextTokens));
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * A compiled graph that cannot be read (a disk error, a full disk long ago) is compiled again, once; a provider
 * that cannot open it is replaced by the CPU.
 */
async function openCompiled(
  file: ModelFile,
  spec: ArchitectureSpec,
  options: CausalLmOptions,
): Promise<Session> {
  const { threads, provider, onFallback } = options;
  const how = { threads, provider, ...(onFallback === undefined ? {} : { onFallback }) };
  const graph = await compiledGraph(file, spec, options);
  try {
    return await openSession(graph, how);
  } catch (error) {
    const isProviders =
      error instanceof SottoError && ['provider-failed', 'out-of-memory'].includes(error.code);
    if (provider !== 'cpu' && isProviders) {
      onFallback?.(error.message);
      return openSession(graph, { threads, provider: 'cpu' });
    }
    await discardCompiled(graph);
    return openSession(await compiledGraph(file, spec, options), how);
  }
}

function causalLm(
  file: ModelFile,
  spec: ArchitectureSpec,
  session: Session,
  factors: Float32Array | null,
  contextTokens: number,
): CausalLm {
  const kinds = layerKinds(spec);
  const cache = new KvCache(spec);
  const frequencies = kinds.ropes.map((rope) => ropeFrequencies(spec, rope, factors));

  const runChunk = async (tokens: readonly number[]): Promise<Float32Array> => {
    const count = tokens.length;
    cache.reserve(cache.length + count);
    const feeds: Record<string, Tensor> = {
      embeds: embed(file, spec, tokens),
      positions: new Tensor(
        'int64',
        BigInt64Array.from({ length: count }, (_, i) => BigInt(i)),
        [1, count],
      ),
      sizes: new Tensor('int64', BigInt64Array.of(BigInt(cache.capacity), BigInt(count)), [2]),
    };
    frequencies.forEach((frequency, r) => {
      const [cos, sin] = angles(frequency, cache.length, count);
      feeds[`cos_${r}`] = cos;
      feeds[`sin_${r}`] = sin;
    });
    addMasks(feeds, kinds, cache, count, spec.heads / spec.kvHeads);
    const dims = [spec.kvHeads, cache.capacity, spec.headDim];
    cache.layers.forEach((layer, i) => {
      feeds[`past_key_${i}`] = new Tensor('float32', layer.key, dims);
      feeds[`past_value_${i}`] = new Tensor('float32', layer.value, dims);
    });
    const out = await session.run(feeds as Feeds);
    const data = (name: string): Float32Array => out[name]?.data as Float32Array;
    for (let i = 0; i < spec.layers; i += 1) cache.append(i, data(`key_${i}`), data(`value_${i}`), count);
    cache.commit(tokens);
    return data('logits');
  };

  return {
    spec,
    file,
    contextTokens,
    cache,
    async evaluate(tokens, signal) {
      if (tokens.length === 0) throw new Error('evaluate needs a token');
      if (cache.length + tokens.length > contextTokens) {
        throw new SottoError(
          `The conversation is longer than the ${contextTokens} tokens this model keeps. Start a new one, or raise the context size.`,
          {
            code: 'context-overflow',
            stage: 'chat',
          },
        );
      }
      let logits = new Float32Array(0);
      for (let at = 0; at < tokens.length; at += CHUNK_TOKENS) {
        signal?.throwIfAborted();
        logits = (await runChunk(tokens.slice(at, at + CHUNK_TOKENS))) as Float32Array<ArrayBuffer>;
      }
      return logits;
    },
    async dispose() {
      await session.release();
      await file.close();
    },
  };
}

/** Embedding rows straight from the GGUF file: [1, count, embedding]. */
function embed(file: ModelFile, spec: ArchitectureSpec, tokens: readonly number[]): Tensor {
  const data = new Float32Array(tokens.length * spec.embedding);
  tokens.forEach((token, i) => {
    if (!(token >= 0 && token < spec.vocabulary)) throw new Error(`token ${token} is outside the vocabulary`);
    file.row('token_embd.weight', token, data, i * spec.embedding, spec.embeddingScale);
  });
  return new Tensor('float32', data, [1, tokens.length, spec.embedding]);
}

function ropeFrequencies(
  spec: ArchitectureSpec,
  rope: { readonly base: number; readonly divisor: number },
  factors: Float32Array | null,
): Float64Array {
  return Float64Array.from({ length: spec.ropeDims / 2 }, (_, i) => {
    const frequency = rope.base ** ((-2 * i) / spec.ropeDims) / rope.divisor;
    return factors === null ? frequency : frequency / (factors[i] ?? 1);
  });
}

/** Cosines and sines of positions `start … start+count`: [count, ropeDims/2] each. */
function angles(frequency: Float64Array, start: number, count: number): [Tensor, Tensor] {
  const half = frequency.length;
  const cos = new Float32Array(count * half);
  const sin = new Float32Array(count * half);
  for (let s = 0; s < count; s += 1) {
    for (let i = 0; i < half; i += 1) {
      const angle = (start + s) * (frequency[i] as number);
      cos[s * half + i] = Math.cos(angle);
      sin[s * half + i] = Math.sin(angle);
    }
  }
  return [new Tensor('float32', cos, [count, half]), new Tensor('float32', sin, [count, half])];
}

/** Additive masks [1, group·count, capacity+count]: unused capacity, the future and what is out of the window. */
function addMasks(
  feeds: Record<string, Tensor>,
  kinds: LayerKinds,
  cache: KvCache,
  count: number,
  group: number,
): void {
  const total = cache.capacity + count;
  kinds.windows.forEach((window, m) => {
    // One new token sees the same columns from every head of its group: one row serves all.
    const repeats = count === 1 ? 1 : group;
    const mask = new Float32Array(repeats * count * total);
    for (let s = 0; s < count; s += 1) {
      const row = mask.subarray(s * total, (s + 1) * total);
      row.fill(Number.NEGATIVE_INFINITY, cache.length, cache.capacity);
      row.fill(Number.NEGATIVE_INFINITY, cache.capacity + s + 1);
      if (window === null) continue;
      const oldest = cache.length + s - window + 1;
      if (oldest > 0) row.fill(Number.NEGATIVE_INFINITY, 0, Math.min(oldest, cache.length));
      if (oldest > cache.length)
        row.fill(Number.NEGATIVE_INFINITY, cache.capacity, cache.capacity + oldest - cache.length);
    }
    for (let r = 1; r < repeats; r += 1) mask.copyWithin(r * count * total, 0, count * total);
    feeds[`mask_${m}`] = new Tensor('float32', mask, [1, repeats * count, total]);
  });
}
