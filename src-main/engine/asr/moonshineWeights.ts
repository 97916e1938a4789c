/**
 * The weights of Moonshine's published decoder, by the names of what they make.
 *
 * The file names its matrices by number; what each is for is told by the output of the product that uses it.
 */
import { SottoError } from '../../contract/errors.ts';
import { type OrtGraph, type OrtWeight, readOrtModel } from '../../core/onnx/ortFormat.ts';

export interface Quantized {
  readonly name: string;
  readonly rows: Uint8Array;
  readonly dims: readonly number[];
  readonly scale: number;
  readonly zero: number;
}

export interface Weights {
  float(name: string): Float32Array;
  quantized(name: string): Quantized;
  hasProduct(output: string): boolean;
  productOf(output: string): Quantized;
  /** Of the rotation that tells positions apart. */
  frequencies(): Float32Array;
}

/** The weights of the published graph by the names of what they make. */
export function collectWeights(file: Uint8Array): Weights {
  const graph = readGraph(file);
  const weights = new Map<string, OrtWeight>();
  const products = new Map<string, string>();
  let frequencies = '';
  const take = ({ weights: own, nodes }: OrtGraph): void => {
    for (const [name, weight] of own) weights.set(plain(name), weight);
    for (const { op, inputs, outputs, branches } of nodes) {
      if (op.includes('MatMul') && inputs[1]?.endsWith('_quantized')) {
        const made = outputs[0] ?? '';
        products.set(made.replace(/(MatMul|Add)_output_0$/, ''), plain(inputs[1]).replace(/_quantized$/, ''));
      }
      if (outputs[0] === '/model/decoder/rotary_emb/Expand_output_0') frequencies = inputs[0] ?? '';
      branches.forEach(take);
    }
  };
  take(graph);
  const find = (name: string, type: OrtWeight['type']): OrtWeight => {
    const weight = weights.get(name);
    if (weight === undefined || weight.type !== type) throw unsupported();
    return weight;
  };
  const quantized = (name: string): Quantized => {
    const { bytes, dims } = find(`${name}_quantized`, 'uint8');
    const zero = find(`${name}_zero_point`, 'uint8').bytes[0] ?? 0;
    return { name, rows: bytes, dims, zero, scale: floatsOf(find(`${name}_scale`, 'float'))[0] ?? 0 };
  };
  return {
    float: (name) => floatsOf(find(name, 'float')),
    quantized,
    frequencies: () => floatsOf(find(frequencies, 'float')),
    hasProduct: (output) => products.has(output),
    productOf(output) {
      const name = products.get(output);
      if (name === undefined) throw unsupported();
      return quantized(name);
    },
  };
}

/** The merging of two graphs into one left marks in the names: `NAME_merged_0`, `NAME_merged_0_scale`. */
const plain = (name: string): string => name.replace(/_merged_0(?=_|$)/, '');

function readGraph(file: Uint8Array): OrtGraph {
  let cause: unknown;
  try {
    const graph = readOrtModel(file);
    if (graph !== null) return graph;
  } catch (error) {
    cause = error;
  }
  throw new SottoError(
    'The recognition model is damaged. Fetch it again: "sotto models pull moonshine-tiny-en".',
    { code: 'model-corrupt', stage: 'asr', cause },
  );
}

function floatsOf({ bytes }: OrtWeight): Float32Array {
  // The file's tensors need not lie on a multiple of four.
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

export function unsupported(): SottoError {
  return new SottoError('The recognition model is not an 8-bit Moonshine decoder with a cache.', {
    code: 'unsupported-model',
    stage: 'asr',
  });
}
