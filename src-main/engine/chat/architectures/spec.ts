/**
 * What the graph builder needs to know of a language model; one file per architecture fills it in from the
 * GGUF metadata. Adding an architecture is adding a file and its line in supported.ts.
 */
import { SottoError } from '../../../contract/errors.ts';
import type { Gguf } from '../../../core/gguf/types.ts';

export interface ArchitectureSpec {
  readonly architecture: string;
  readonly layers: number;
  readonly embedding: number;
  readonly feedForward: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly vocabulary: number;
  /** Tokens the model was trained for. */
  readonly contextTokens: number;
  readonly normEpsilon: number;
  /** Rotated dimensions of each head. */
  readonly ropeDims: number;
  /** True for GGUF's llama layout (q and k permuted), false for the split-half layout. */
  readonly ropeInterleaved: boolean;
  /** Rotation base of a layer. */
  ropeBase(layer: number): number;
  /** Positions are divided by this (linear scaling), per layer. */
  ropeDivisor(layer: number): number;
  readonly activation: 'silu' | 'gelu';
  readonly qkvBias: boolean;
  /** RMS norm over each head of q and k before the rotation (qwen3, gemma3). */
  readonly headNorm: boolean;
  /** A second norm after attention and after the feed-forward (gemma3). */
  readonly postNorms: boolean;
  readonly embeddingScale: number;
  readonly attentionScale: number;
  /** Tokens a layer can look back, or null for all. */
  slidingWindow(layer: number): number | null;
}

/** Typed reads of `<architecture>.<key>` with a clear error where a needed one is missing. */
export interface MetadataReader {
  number(key: string): number;
  optionalNumber(key: string): number | undefined;
  optionalString(key: string): string | undefined;
}

export function metadataReader(gguf: Gguf, architecture: string): MetadataReader {
  const value = (key: string): unknown => gguf.metadata.get(`${architecture}.${key}`);
  const optionalNumber = (key: string): number | undefined => {
    const found = value(key);
    return typeof found === 'number' && Number.isFinite(found) ? found : undefined;
  };
  return {
    optionalNumber,
    number(key) {
      const found = optionalNumber(key);
      if (found === undefined || found <= 0) {
        throw new SottoError(
          `This GGUF file does not say its ${architecture}.${key}. Download it again or choose another file.`,
          {
            code: 'model-corrupt',
            stage: 'chat',
          },
        );
      }
      return found;
    },
    optionalString(key) {
      const found = value(key);
      return typeof found === 'string' ? found : undefined;
    },
  };
}

/** The part all supported architectures share; each file overrides what differs. */
export function commonSpec(gguf: Gguf, architecture: string): ArchitectureSpec {
  const read = metadataReader(gguf, architecture);
  const embedding = read.number('embedding_length');
  const heads = read.number('attention.head_count');
  const headDim = read.optionalNumber('attention.key_length') ?? embedding / heads;
  const base = read.optionalNumber('rope.freq_base') ?? 10_000;
  const divisor = ropeDivisor(read, architecture);
  const tokens = gguf.metadata.get('tokenizer.ggml.tokens');
  const embeddingTable = gguf.tensors.get('token_embd.weight');
  return {
    architecture,
    layers: read.number('block_count'),
    embedding,
    feedForward: read.number('feed_forward_length'),
    heads,
    kvHeads: read.optionalNumber('attention.head_count_kv') ?? heads,
    headDim,
    vocabulary: embeddingTable?.dims[1] ?? (Array.isArray(tokens) ? tokens.length : 0),
    contextTokens: read.number('context_length'),
    normEpsilon: read.number('attention.layer_norm_rms_epsilon'),
    ropeDims: read.optionalNumber('rope.dimension_count') ?? headDim,
    ropeInterleaved: false,
    ropeBase: () => base,
    ropeDivisor: () => divisor,
    activation: 'silu',
    qkvBias: false,
    headNorm: false,
    postNorms: false,
    embeddingScale: 1,
    attentionScale: 1 / Math.sqrt(headDim),
    slidingWindow: () => null,
  };
}

function ropeDivisor(read: MetadataReader, architecture: string): number {
  const kind = read.optionalString('rope.scaling.type') ?? 'none';
  if (kind === 'linear') return read.optionalNumber('rope.scaling.factor') ?? 1;
  if (kind === 'none') return read.optionalNumber('rope.scale_linear') ?? 1;
  throw new SottoError(
    `This ${architecture} model stretches its context by “${kind}” rope scaling; Sotto supports none and linear. Choose a file without it.`,
    { code: 'unsupported-model', stage: 'chat' },
  );
}
