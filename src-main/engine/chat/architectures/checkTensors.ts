/**
 * Every tensor the graph will ask for, with its shape, checked before anything is compiled.
 *
 * Without it a file whose metadata and tensors contradict each other is compiled for half a minute and then
 * refused by the runtime in words nobody understands.
 */
import { SottoError } from '../../../contract/errors.ts';
import type { Gguf } from '../../../core/gguf/types.ts';
import type { ArchitectureSpec } from './spec.ts';

/** [columns, rows], or [length] of a vector, of one layer's tensors. */
function layerShapes(spec: ArchitectureSpec): { readonly [name: string]: readonly number[] } {
  const { embedding, feedForward, heads, kvHeads, headDim } = spec;
  const q = heads * headDim;
  const kv = kvHeads * headDim;
  return {
    'attn_norm.weight': [embedding],
    'attn_q.weight': [embedding, q],
    'attn_k.weight': [embedding, kv],
    'attn_v.weight': [embedding, kv],
    'attn_output.weight': [q, embedding],
    'ffn_norm.weight': [embedding],
    'ffn_gate.weight': [embedding, feedForward],
    'ffn_up.weight': [embedding, feedForward],
    'ffn_down.weight': [feedForward, embedding],
    ...(spec.qkvBias ? { 'attn_q.bias': [q], 'attn_k.bias': [kv], 'attn_v.bias': [kv] } : {}),
    ...(spec.headNorm ? { 'attn_q_norm.weight': [headDim], 'attn_k_norm.weight': [headDim] } : {}),
    ...(spec.postNorms
      ? { 'post_attention_norm.weight': [embedding], 'post_ffw_norm.weight': [embedding] }
      : {}),
  };
}

/** @throws SottoError `model-corrupt` naming the first tensor that is missing or of another shape */
export function checkTensors(gguf: Gguf, spec: ArchitectureSpec): void {
  const check = (name: string, shape: readonly number[]): void => {
    const dims = gguf.tensors.get(name)?.dims;
    if (dims !== undefined && shape.every((size, i) => dims[i] === size) && dims.length === shape.length)
      return;
    throw new SottoError(
      dims === undefined
        ? `This GGUF file lacks the tensor ${name}. It was cut or converted badly: download it again.`
        : `The tensor ${name} of this GGUF file is ${dims.join(' × ')} where ${shape.join(' × ')} is needed. Download it again.`,
      { code: 'model-corrupt', stage: 'chat' },
    );
  };
  check('token_embd.weight', [spec.embedding, spec.vocabulary]);
  check('output_norm.weight', [spec.embedding]);
  if (gguf.tensors.has('output.weight')) check('output.weight', [spec.embedding, spec.vocabulary]);
  const shapes = Object.entries(layerShapes(spec));
  for (let layer = 0; layer < spec.layers; layer += 1) {
    for (const [name, shape] of shapes) check(`blk.${layer}.${name}`, shape);
  }
}
