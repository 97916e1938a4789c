/**
 * The language model as an ONNX graph whose key/value cache stays outside.
 *
 * The Node binding copies every output into a new array; a graph that returned its whole cache would move
 * it twice a token. So attention is written with plain operators over `past` inputs, which are used in
 * place, and only the new tokens' keys and values come back (measured 2026-11: 50 against 18 tokens a
 * second at 1500 tokens of context). Queries of one key/value head are folded into rows, so that grouped
 * attention repeats nothing.
 *
 * Inputs (S new tokens, C cache capacity):
 *   embeds [1, S, embedding] · cos_r, sin_r [S, ropeDims/2] for each rotation kind r · positions int64 [1, S]
 *   mask_m [1, group·S, C+S] for each window kind m · sizes int64 [2] = C, S
 *   past_key_i, past_value_i [kvHeads, C, headDim]
 * Outputs: logits [1, 1, vocabulary] of the last token · key_i, value_i [kvHeads, S, headDim]
 */
import type { Dim, GraphBuilder } from '../../core/onnx/graphBuilder.ts';
import type { ArchitectureSpec } from './architectures/spec.ts';

const MS = 'com.microsoft';

/** Products and constants of the model's weights; the compiler writes them as the graph asks for them. */
export interface WeightOps {
  /** x × the matrices, their results side by side in the last dimension. */
  linear(x: string, names: readonly string[]): Promise<string>;
  /** A vector of the model, e.g. a norm's gamma. */
  vector(name: string): Promise<string>;
  has(name: string): boolean;
}

/** Distinct rotations and look-back windows of a model: most have one of each, gemma3 two. */
export interface LayerKinds {
  readonly ropes: readonly { readonly base: number; readonly divisor: number }[];
  readonly windows: readonly (number | null)[];
  ropeOf(layer: number): number;
  windowOf(layer: number): number;
}

export function layerKinds(spec: ArchitectureSpec): LayerKinds {
  const ropes: { base: number; divisor: number }[] = [];
  const windows: (number | null)[] = [];
  const ropeOf: number[] = [];
  const windowOf: number[] = [];
  for (let layer = 0; layer < spec.layers; layer += 1) {
    const base = spec.ropeBase(layer);
    const divisor = spec.ropeDivisor(layer);
    let rope = ropes.findIndex((known) => known.base === base && known.divisor === divisor);
    if (rope < 0) rope = ropes.push({ base, divisor }) - 1;
    let window = windows.indexOf(spec.slidingWindow(layer));
    if (window < 0) window = windows.push(spec.slidingWindow(layer)) - 1;
    ropeOf.push(rope);
    windowOf.push(window);
  }
  return { ropes, windows, ropeOf: (layer) => ropeOf[layer] ?? 0, windowOf: (layer) => windowOf[layer] ?? 0 };
}

/** Adds the whole model to `g`; `onLayer` is told after each layer is written. */
export async function buildLanguageModel(
  g: GraphBuilder,
  spec: ArchitectureSpec,
  weights: WeightOps,
  onLayer: (done: number) => void,
): Promise<void> {
  const kinds = layerKinds(spec);
  const group = spec.heads / spec.kvHeads;
  const cacheDims: readonly Dim[] = [spec.kvHeads, 'C', spec.headDim];
  g.input('embeds', 'float', [1, 'S', spec.embedding]);
  g.input('positions', 'int64', [1, 'S']);
  g.input('sizes', 'int64', [2]);
  kinds.ropes.forEach((_, r) => {
    g.input(`cos_${r}`, 'float', ['S', spec.ropeDims / 2]);
    g.input(`sin_${r}`, 'float', ['S', spec.ropeDims / 2]);
  });
  kinds.windows.forEach((_, m) => {
    g.input(`mask_${m}`, 'float', [1, 'R', 'T']);
  });
  for (let layer = 0; layer < spec.layers; layer += 1) {
    g.input(`past_key_${layer}`, 'float', cacheDims);
    g.input(`past_value_${layer}`, 'float', cacheDims);
  }

  const epsilon = { epsilon: { float: spec.normEpsilon } };
  const norm = async (x: string, gamma: string): Promise<string> =>
    g.node('SimplifiedLayerNormalization', [x, await weights.vector(gamma)], { axis: -1, ...epsilon });
  /** Adds to the residual and normalises in one kernel: [normed, new residual]. */
  const addAndNorm = async (x: string, residual: string, gamma: string): Promise<[string, string]> => {
    const out = g.nodes(
      'SkipSimplifiedLayerNormalization',
      [x, residual, await weights.vector(gamma)],
      4,
      epsilon,
      MS,
    );
    return [out[0] as string, out[3] as string];
  };

  let residual = 'embeds';
  let normed = await norm(residual, 'blk.0.attn_norm.weight');
  for (let layer = 0; layer < spec.layers; layer += 1) {
    const blk = `blk.${layer}`;
    let attended = await attention(g, spec, weights, norm, normed, layer, kinds, group);
    if (spec.postNorms) attended = await norm(attended, `${blk}.post_attention_norm.weight`);
    [normed, residual] = await addAndNorm(attended, residual, `${blk}.ffn_norm.weight`);
    let fed = await feedForward(g, spec, weights, normed, blk);
    if (spec.postNorms) fed = await norm(fed, `${blk}.post_ffw_norm.weight`);
    const next = layer + 1 < spec.layers ? `blk.${layer + 1}.attn_norm.weight` : 'output_norm.weight';
    [normed, residual] = await addAndNorm(fed, residual, next);
    onLayer(layer + 1);
  }
  const last = g.node('Slice', [normed, g.ints(-1), g.ints(0x7fffffff), g.ints(1)]); // [1, 1, embedding]
  const output = weights.has('output.weight') ? 'output.weight' : 'token_embd.weight';
  const logits = await weights.linear(last, [output]);
  g.nodes('Identity', [logits], ['logits']);
  g.output('logits', 'float', [1, 1, spec.vocabulary]);
}

async function feedForward(
  g: GraphBuilder,
  spec: ArchitectureSpec,
  weights: WeightOps,
  x: string,
  blk: string,
): Promise<string> {
  const both = await weights.linear(x, [`${blk}.ffn_gate.weight`, `${blk}.ffn_up.weight`]);
  const [gate, up] = g.nodes('Split', [both, g.ints(spec.feedForward, spec.feedForward)], 2, { axis: -1 });
  const active =
    spec.activation === 'silu'
      ? g.node('QuickGelu', [gate as string], { alpha: { float: 1 } }, MS)
      : g.node('FastGelu', [gate as string], {}, MS);
  return weights.linear(g.node('Mul', [active, up as string]), [`${blk}.ffn_down.weight`]);
}

async function attention(
  g: GraphBuilder,
  spec: ArchitectureSpec,
  weights: WeightOps,
  norm: (x: string, gamma: string) => Promise<string>,
  x: string,
  layer: number,
  kinds: LayerKinds,
  group: number,
): Promise<string> {
  const { heads, kvHeads, headDim } = spec;
  const blk = `blk.${layer}`;
  const qSize = heads * headDim;
  const kvSize = kvHeads * headDim;
  let qkv = await weights.linear(x, [`${blk}.attn_q.weight`, `${blk}.attn_k.weight`, `${blk}.attn_v.weight`]);
  if (spec.qkvBias) {
    const biases = await Promise.all(
      ['q', 'k', 'v'].map((part) => weights.vector(`${blk}.attn_${part}.bias`)),
    );
    qkv = g.node('Add', [qkv, g.node('Concat', biases, { axis: 0 })]);
  }
  const rotate = (value: string, count: number): string => {
    const r = kinds.ropeOf(layer);
    const partial = spec.ropeDims === headDim ? {} : { rotary_embedding_dim: spec.ropeDims };
    return g.node(
      'RotaryEmbedding',
      [value, 'positions', `cos_${r}`, `sin_${r}`],
      { interleaved: spec.ropeInterleaved ? 1 : 0, num_heads: count, ...partial },
      MS,
    );
  };
  let q: string;
  let k: string;
  let v: string;
  if (spec.headNorm) {
    const parts = g.nodes('Split', [qkv, g.ints(qSize, kvSize, kvSize)], 3, { axis: -1 });
    const normHeads = async (value: string, part: 'q' | 'k', size: number): Promise<string> => {
      const perHead = g.node('Reshape', [value, g.ints(-1, headDim)]); // [S·heads, headDim]
      return g.node('Reshape', [await norm(perHead, `${blk}.attn_${part}_norm.weight`), g.ints(1, -1, size)]);
    };
    q = rotate(await normHeads(parts[0] as string, 'q', qSize), heads);
    k = rotate(await normHeads(parts[1] as string, 'k', kvSize), kvHeads);
    v = parts[2] as string;
  } else {
    // q and k turn by the same angles, so one kernel turns both.
    const parts = g.nodes('Split', [qkv, g.ints(qSize + kvSize, kvSize)], 2, { axis: -1 });
    const turned = g.nodes('Split', [rotate(parts[0] as string, heads + kvHeads), g.ints(qSize, kvSize)], 2, {
      axis: -1,
    });
    q = turned[0] as string;
    k = turned[1] as string;
    v = parts[1] as string;
  }
  // [1, S, heads·headDim] -> [kvHeads, group·S, headDim]
  const byHead = g.node('Transpose', [g.node('Reshape', [q, g.ints(-1, kvHeads, group, headDim)])], {
    perm: [1, 2, 0, 3],
  });
  const query = g.node('Reshape', [byHead, g.ints(kvHeads, -1, headDim)]);
  const toCache = (value: string, name: string): string => {
    g.nodes('Transpose', [g.node('Reshape', [value, g.ints(-1, kvHeads, headDim)])], [name], {
      perm: [1, 0, 2],
    });
    g.output(name, 'float', [kvHeads, 'S', headDim]);
    return name;
  };
  const newKey = toCache(k, `key_${layer}`);
  const newValue = toCache(v, `value_${layer}`);
  const scale = { transB: 1, alpha: { float: spec.attentionScale } };
  const past = g.node('FusedMatMul', [query, `past_key_${layer}`], scale, MS); // [kvHeads, group·S, C]
  const fresh = g.node('FusedMatMul', [query, newKey], scale, MS); // [kvHeads, group·S, S]
  const masked = g.node('Add', [
    g.node('Concat', [past, fresh], { axis: -1 }),
    `mask_${kinds.windowOf(layer)}`,
  ]);
  const parts = g.nodes('Split', [g.node('Softmax', [masked], { axis: -1 }), 'sizes'], 2, { axis: -1 });
  const mixed = g.node('Add', [
    g.node('MatMul', [parts[0] as string, `past_value_${layer}`]),
    g.node('MatMul', [parts[1] as string, newValue]),
  ]); // [kvHeads, group·S, headDim]
  const unfolded = g.node('Transpose', [g.node('Reshape', [mixed, g.ints(kvHeads, group, -1, headDim)])], {
    perm: [2, 0, 1, 3],
  });
  return weights.linear(g.node('Reshape', [unfolded, g.ints(1, -1, qSize)]), [`${blk}.attn_output.weight`]);
}
