/** Qwen3 (dense): an RMS norm over each head of q and k, no biases. */
import type { Gguf } from '../../../core/gguf/types.ts';
import { type ArchitectureSpec, commonSpec } from './spec.ts';

export function qwen3Spec(gguf: Gguf): ArchitectureSpec {
  return { ...commonSpec(gguf, 'qwen3'), headNorm: true };
}
