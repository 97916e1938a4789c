/** Qwen2 and Qwen2.5: biases on q, k and v. */
import type { Gguf } from '../../../core/gguf/types.ts';
import { type ArchitectureSpec, commonSpec } from './spec.ts';

export function qwen2Spec(gguf: Gguf): ArchitectureSpec {
  return { ...commonSpec(gguf, 'qwen2'), qkvBias: true };
}
