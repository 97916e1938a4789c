/** Llama and what shares its graph: Mistral, SmolLM, TinyLlama, Llama 3 (rope_freqs.weight is read by the builder). */
import type { Gguf } from '../../../core/gguf/types.ts';
import { type ArchitectureSpec, commonSpec } from './spec.ts';

export function llamaSpec(gguf: Gguf): ArchitectureSpec {
  // GGUF stores llama's q and k permuted so that rotated pairs are neighbours.
  return { ...commonSpec(gguf, 'llama'), ropeInterleaved: true };
}
