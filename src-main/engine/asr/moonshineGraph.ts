/**
 * Moonshine's decoder as two lean graphs, made from the weights of the published one.
 *
 * The published graph carries both of its uses in one conditional, works out every shape anew in hundreds of
 * small nodes, and returns its whole cache: 4 ms a token of which the products are one. Here shapes are
 * constants, the cache stays outside (what a run returns is copied), and the same 8-bit products are all
 * that is left of the 940 nodes.
 *
 * `cross`: hidden [1, F, H] -> cross_key_i, cross_value_i [heads, F, size], once an utterance.
 * `step`: embeds [1, S, H] · positions int64 [1, S] · mask [S, C + S] · sizes int64 [2] = C, S
 *   · past_key_i, past_value_i [heads, C, size] · cross_key_i, cross_value_i
 *   -> logits [1, S, V] · key_i, value_i [heads, S, size].
 */
import { GraphBuilder } from '../../core/onnx/graphBuilder.ts';
import { collectWeights, unsupported, type Weights } from './moonshineWeights.ts';

const MS = 'com.microsoft';
/** Both published sizes, tiny and base. */
const HEADS = 8;
/** Longest transcript the rotation table holds; `loopGuard.ts` ends far before it. */
const MAX_POSITIONS = 512;
const EPSILON = { epsilon: { float: 1e-5 } };

export interface DecoderShape {
  readonly layers: number;
  readonly hidden: number;
  readonly headSize: number;
  readonly vocabulary: number;
}

/** Rows of the token embedding, 8 bit: value = (byte - zero) × scale. */
export interface Embedding {
  readonly rows: Uint8Array;
  readonly scale: number;
  readonly zero: number;
}

export interface DecoderGraphs {
  readonly shape: DecoderShape;
  readonly embedding: Embedding;
  readonly cross: Uint8Array;
  readonly step: Uint8Array;
}

/** @throws SottoError `model-corrupt` or `unsupported-model` */
export function buildDecoder(file: Uint8Array): DecoderGraphs {
  const weights = collectWeights(file);
  const gamma = weights.float('model.decoder.norm.weight');
  const hidden = gamma.length;
  const embed = weights.quantized('model.decoder.embed_tokens.weight');
  let layers = 0;
  while (weights.hasProduct(`/model/decoder/layers.${layers}/mlp/fc1/`)) layers++;
  const shape: DecoderShape = {
    layers,
    hidden,
    headSize: hidden / HEADS,
    vocabulary: embed.rows.length / hidden,
  };
  if (layers === 0 || !Number.isInteger(shape.headSize) || !Number.isInteger(shape.vocabulary))
    throw unsupported();
  return {
    shape,
    embedding: { rows: embed.rows, scale: embed.scale, zero: embed.zero },
    cross: buildCross(weights, shape),
    step: buildStep(weights, shape),
  };
}

function buildCross(weights: Weights, { layers, hidden, headSize }: DecoderShape): Uint8Array {
  const g = new GraphBuilder('moonshine_cross');
  g.input('hidden', 'float', [1, 'F', hidden]);
  for (let i = 0; i < layers; i++) {
    for (const [side, name] of [
      ['k', 'key'],
      ['v', 'value'],
    ] as const) {
      const made = product(g, weights, 'hidden', `/model/decoder/layers.${i}/encoder_attn/${side}_proj/`);
      toHeads(g, made, `cross_${name}_${i}`, headSize, 'F');
    }
  }
  return g.finish();
}

function buildStep(weights: Weights, shape: DecoderShape): Uint8Array {
  const { layers, hidden, headSize, vocabulary } = shape;
  const g = new GraphBuilder('moonshine_step');
  g.input('embeds', 'float', [1, 'S', hidden]);
  g.input('positions', 'int64', [1, 'S']);
  g.input('mask', 'float', ['S', 'T']);
  g.input('sizes', 'int64', [2]);
  for (let i = 0; i < layers; i++) {
    for (const name of ['key', 'value']) {
      g.input(`past_${name}_${i}`, 'float', [HEADS, 'C', headSize]);
      g.input(`cross_${name}_${i}`, 'float', [HEADS, 'F', headSize]);
    }
  }
  const rotation = rotationTables(g, weights.frequencies());
  const gammaOf = (name: string): string => g.constant(name, weights.float(name), [hidden]);
  const addAndNorm = (x: string, residual: string, gamma: string): [string, string] => {
    const out = g.nodes('SkipLayerNormalization', [x, residual, gammaOf(gamma)], 4, EPSILON, MS);
    return [out[0] as string, out[3] as string];
  };
  let residual = 'embeds';
  let normed = g.node(
    'LayerNormalization',
    [residual, gammaOf('model.decoder.layers.0.input_layernorm.weight')],
    { axis: -1, ...EPSILON },
  );
  for (let i = 0; i < layers; i++) {
    const at = `/model/decoder/layers.${i}`;
    const layer = `model.decoder.layers.${i}`;
    const self = selfAttention(g, weights, normed, i, shape, rotation);
    [normed, residual] = addAndNorm(self, residual, `${layer}.post_attention_layernorm.weight`);
    const cross = crossAttention(g, weights, normed, i, shape);
    [normed, residual] = addAndNorm(cross, residual, `${layer}.final_layernorm.weight`);
    const both = product(g, weights, normed, `${at}/mlp/fc1/`, `${layer}.mlp.fc1.bias`);
    const [value, gate] = g.nodes('Split', [both], 2, { axis: -1 });
    const active = g.node('QuickGelu', [gate as string], { alpha: { float: 1 } }, MS);
    const mixed = g.node('Mul', [active, value as string]);
    const fed = product(g, weights, mixed, `${at}/mlp/fc2/`, `${layer}.mlp.fc2.bias`);
    const next = i + 1 < layers ? `model.decoder.layers.${i + 1}.input_layernorm` : 'model.decoder.norm';
    [normed, residual] = addAndNorm(fed, residual, `${next}.weight`);
  }
  g.nodes('Identity', [product(g, weights, normed, 'logits')], ['logits']);
  g.output('logits', 'float', [1, 'S', vocabulary]);
  return g.finish();
}

interface Rotation {
  readonly cos: string;
  readonly sin: string;
  readonly dims: number;
}

/** cos, sin [positions, dims / 2] of the model's own frequencies. */
function rotationTables(g: GraphBuilder, frequencies: Float32Array): Rotation {
  const half = frequencies.length;
  const table = (of: (angle: number) => number): Float32Array =>
    Float32Array.from({ length: MAX_POSITIONS * half }, (_, i) =>
      of(Math.floor(i / half) * (frequencies[i % half] ?? 0)),
    );
  return {
    cos: g.constant('cos', table(Math.cos), [MAX_POSITIONS, half]),
    sin: g.constant('sin', table(Math.sin), [MAX_POSITIONS, half]),
    dims: 2 * half,
  };
}

function selfAttention(
  g: GraphBuilder,
  weights: Weights,
  x: string,
  i: number,
  { headSize, hidden }: DecoderShape,
  { cos, sin, dims }: Rotation,
): string {
  const at = `/model/decoder/layers.${i}/self_attn`;
  const rotate = (side: 'q' | 'k'): string =>
    g.node(
      'RotaryEmbedding',
      [product(g, weights, x, `${at}/${side}_proj/`), 'positions', cos, sin],
      { interleaved: 1, num_heads: HEADS, rotary_embedding_dim: dims },
      MS,
    );
  const query = toHeads(g, rotate('q'), null, headSize, 'S');
  const key = toHeads(g, rotate('k'), `key_${i}`, headSize, 'S');
  const value = toHeads(g, product(g, weights, x, `${at}/v_proj/`), `value_${i}`, headSize, 'S');
  const scores = g.node('Concat', [dot(g, query, `past_key_${i}`, headSize), dot(g, query, key, headSize)], {
    axis: -1,
  }); // [heads, S, C + S]
  const shares = g.node('Softmax', [g.node('Add', [scores, 'mask'])], { axis: -1 });
  const [ofPast, ofNew] = g.nodes('Split', [shares, 'sizes'], 2, { axis: -1 });
  const mixed = g.node('Add', [
    g.node('MatMul', [ofPast as string, `past_value_${i}`]),
    g.node('MatMul', [ofNew as string, value]),
  ]);
  return product(g, weights, fromHeads(g, mixed, hidden), `${at}/o_proj/`);
}

function crossAttention(
  g: GraphBuilder,
  weights: Weights,
  x: string,
  i: number,
  { headSize, hidden }: DecoderShape,
): string {
  const at = `/model/decoder/layers.${i}/encoder_attn`;
  const query = toHeads(g, product(g, weights, x, `${at}/q_proj/`), null, headSize, 'S');
  const shares = g.node('Softmax', [dot(g, query, `cross_key_${i}`, headSize)], { axis: -1 });
  const mixed = g.node('MatMul', [shares, `cross_value_${i}`]);
  return product(g, weights, fromHeads(g, mixed, hidden), `${at}/o_proj/`);
}

function dot(g: GraphBuilder, query: string, keys: string, headSize: number): string {
  return g.node('FusedMatMul', [query, keys], { transB: 1, alpha: { float: 1 / Math.sqrt(headSize) } }, MS);
}

/** [1, S, heads·size] -> [heads, S, size], as an output of the graph when it is named. */
function toHeads(g: GraphBuilder, x: string, name: string | null, headSize: number, rows: string): string {
  const split = g.node('Reshape', [x, g.ints(-1, HEADS, headSize)]);
  if (name === null) return g.node('Transpose', [split], { perm: [1, 0, 2] });
  g.nodes('Transpose', [split], [name], { perm: [1, 0, 2] });
  g.output(name, 'float', [HEADS, rows, headSize]);
  return name;
}

function fromHeads(g: GraphBuilder, x: string, hidden: number): string {
  return g.node('Reshape', [g.node('Transpose', [x], { perm: [1, 0, 2] }), g.ints(1, -1, hidden)]);
}

/** x × the 8-bit matrix whose product the published graph calls so; x is rounded to 8 bit on the way. */
function product(g: GraphBuilder, weights: Weights, x: string, output: string, bias?: string): string {
  const { name, rows, scale, zero, dims } = weights.productOf(output);
  const inputs = [
    x,
    g.constant(name, rows, dims),
    g.constant(`${name}_scale`, Float32Array.of(scale), []),
    g.constant(`${name}_zero`, Uint8Array.of(zero), []),
  ];
  if (bias !== undefined) {
    const values = weights.float(bias);
    inputs.push(g.constant(bias, values, [values.length]));
  }
  return g.node('DynamicQuantizeMatMul', inputs, {}, MS);
}
