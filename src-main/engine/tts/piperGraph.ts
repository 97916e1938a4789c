/**
 * Finds where a Piper voice (VITS) can be cut in two: text to frames, frames to samples.
 *
 * Names differ between exports, so the place is found by pattern: from the output back along the data path,
 * past the first upsampling (ConvTranspose), to the convolution before it; its input is the cut. Durations
 * are the Ceil that feeds the running sum. Worst case: no such pattern; the voice is then run whole.
 */
import { extractSubgraph, type OnnxGraph, type OnnxNode, type Subgraph } from '../../core/onnx/subgraph.ts';

export interface CutVoice {
  readonly encoder: Subgraph;
  readonly decoder: Subgraph;
  /** Decoder input, float [1, channels, frames]. */
  readonly frames: string;
  /** Frames of each id, float [1, 1, ids]. */
  readonly durations: string;
  readonly output: string;
}

/** The two halves, or undefined when the graph is not a VITS of the known pattern. */
export function cutVoice(graph: OnnxGraph): CutVoice | undefined {
  const [output] = graph.outputs.keys();
  const durations = durationsOf(graph);
  if (output === undefined || durations === undefined) return undefined;
  const frames = decoderInput(graph, output);
  if (frames === undefined) return undefined;
  const decoder = extractSubgraph(graph, [output], [frames]);
  if (decoder.graphInputs.some((name) => name !== 'sid')) return undefined;
  return { encoder: extractSubgraph(graph, [frames, durations], []), decoder, frames, durations, output };
}

/** The tensor of frames per id. */
export function durationsOf(graph: OnnxGraph): string | undefined {
  const summed = new Set(
    graph.nodes.filter(({ opType }) => opType === 'CumSum').flatMap(({ inputs }) => inputs),
  );
  const ceil = graph.nodes.find(
    ({ opType, outputs: [name] }) => opType === 'Ceil' && name !== undefined && summed.has(name),
  );
  return ceil?.outputs[0];
}

function decoderInput(graph: OnnxGraph, output: string): string | undefined {
  const producer = new Map<string, OnnxNode>();
  for (const node of graph.nodes) for (const name of node.outputs) producer.set(name, node);
  let seenUpsampling = false;
  let name: string | undefined = output;
  for (let steps = 0; steps < graph.nodes.length && name !== undefined; steps++) {
    const node: OnnxNode | undefined = producer.get(name);
    if (node === undefined) return undefined;
    if (node.opType === 'ConvTranspose') seenUpsampling = true;
    const data: string | undefined = node.inputs[0];
    // Upsamplings follow one another through residual blocks; the convolution before the first of them is
    // the one whose input does not pass through another upsampling.
    if (node.opType === 'Conv' && seenUpsampling && data !== undefined) {
      if (!hasUpsampling(producer, data)) return data;
    }
    name = data;
  }
  return undefined;
}

function hasUpsampling(producer: ReadonlyMap<string, OnnxNode>, from: string): boolean {
  const seen = new Set<OnnxNode>();
  const queue = [from];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const node = producer.get(name);
    if (node === undefined || seen.has(node)) continue;
    if (node.opType === 'ConvTranspose') return true;
    seen.add(node);
    queue.push(...node.inputs);
  }
  return false;
}
