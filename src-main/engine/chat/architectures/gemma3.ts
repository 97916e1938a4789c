/**
 * Gemma 3 (text): head norms, norms before and after each block, GeGLU, scaled embeddings, and five local
 * layers with a sliding window for each global one. Source: the model card and the Gemma 3 report (2025).
 */
import type { Gguf } from '../../../core/gguf/types.ts';
import { type ArchitectureSpec, commonSpec, metadataReader } from './spec.ts';

/** Every sixth layer looks at everything. */
const GLOBAL_EVERY = 6;
/** Rotation base of the local layers (report, section 2). */
const LOCAL_ROPE_BASE = 10_000;
/** Layers of the 27 B model, whose queries are scaled by embedding / heads instead of the head size. */
const LAYERS_27B = 62;

export function gemma3Spec(gguf: Gguf): ArchitectureSpec {
  const common = commonSpec(gguf, 'gemma3');
  const read = metadataReader(gguf, 'gemma3');
  const window = read.optionalNumber('attention.sliding_window') ?? null;
  const isGlobal = (layer: number): boolean => window === null || layer % GLOBAL_EVERY === GLOBAL_EVERY - 1;
  const globalBase = read.optionalNumber('rope.freq_base') ?? 1_000_000;
  return {
    ...common,
    ropeBase: (layer) => (isGlobal(layer) ? globalBase : LOCAL_ROPE_BASE),
    ropeDivisor: (layer) => (isGlobal(layer) ? common.ropeDivisor(layer) : 1),
    activation: 'gelu',
    headNorm: true,
    postNorms: true,
    embeddingScale: Math.sqrt(common.embedding),
    attentionScale:
      common.layers === LAYERS_27B ? 1 / Math.sqrt(common.embedding / common.heads) : common.attentionScale,
    slidingWindow: (layer) => (isGlobal(layer) ? null : window),
  };
}
