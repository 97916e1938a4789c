/**
 * Reads the skeleton of an ONNX file and writes a part of its graph as a model of its own.
 *
 * Without it a voice can only be run whole, and its first sound waits for its last. The rule: nodes and
 * weights are copied byte for byte and never interpreted; each part carries only the weights it uses. Worst
 * case: a damaged file whose lengths lie, which throws a RangeError before anything is allocated.
 */
import { ProtoWriter } from './protobuf.ts';

export interface OnnxNode {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly opType: string;
  readonly bytes: Uint8Array;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly weights: ReadonlyMap<string, Uint8Array>;
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly outputs: ReadonlyMap<string, Uint8Array>;
  /** Fields of the model beside the graph (version, operator sets), as they are. */
  readonly header: readonly { readonly field: number; readonly value: bigint | Uint8Array }[];
}

interface Field {
  readonly field: number;
  readonly value: bigint | Uint8Array;
}

const text = new TextDecoder();

/** Fields of one message; fixed-width ones are passed over, nothing here needs them. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError('The file ends inside a number.');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new RangeError('A number in the file is too long.');
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const field = tag >> 3;
    const wire = tag & 7;
    if (wire === 0) yield { field, value: varint() };
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = Number(varint());
      if (length > bytes.length - at) throw new RangeError('A length in the file is larger than the file.');
      yield { field, value: bytes.subarray(at, at + length) };
      at += length;
    } else throw new RangeError('The file is not a protocol buffer.');
  }
}

function stringsOf(message: Uint8Array, field: number): string[] {
  const found: string[] = [];
  for (const entry of fieldsOf(message)) {
    if (entry.field === field && entry.value instanceof Uint8Array) found.push(text.decode(entry.value));
  }
  return found;
}

/** Parses an ONNX file (ModelProto). Throws RangeError when it is damaged or is not one. */
export function readOnnx(file: Uint8Array): OnnxGraph {
  const header: Field[] = [];
  let graph: Uint8Array | undefined;
  for (const entry of fieldsOf(file)) {
    if (entry.field === 7 && entry.value instanceof Uint8Array) graph = entry.value;
    else if ([1, 8].includes(entry.field)) header.push(entry);
  }
  if (graph === undefined) throw new RangeError('The file holds no graph.');
  const nodes: OnnxNode[] = [];
  const weights = new Map<string, Uint8Array>();
  const inputs = new Map<string, Uint8Array>();
  const outputs = new Map<string, Uint8Array>();
  for (const { field, value } of fieldsOf(graph)) {
    if (!(value instanceof Uint8Array)) continue;
    if (field === 1) {
      const [opType = ''] = stringsOf(value, 4);
      nodes.push({ inputs: stringsOf(value, 1), outputs: stringsOf(value, 2), opType, bytes: value });
    } else if (field === 5) weights.set(stringsOf(value, 8)[0] ?? '', value);
    else if (field === 11) inputs.set(stringsOf(value, 1)[0] ?? '', value);
    else if (field === 12) outputs.set(stringsOf(value, 1)[0] ?? '', value);
  }
  return { nodes, weights, inputs, outputs, header };
}

export interface Subgraph {
  readonly bytes: Uint8Array;
  /** Inputs of the whole graph that this part needs, besides `cuts`. */
  readonly graphInputs: readonly string[];
}

/** The part of a graph that computes `outputs` from the graph's inputs and the tensors in `cuts` (float). */
export function extractSubgraph(
  graph: OnnxGraph,
  outputs: readonly string[],
  cuts: readonly string[],
): Subgraph {
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const needed = new Set<OnnxNode>();
  const weights = new Set<string>();
  const graphInputs = new Set<string>();
  const queue = [...outputs];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (cuts.includes(name)) continue;
    if (graph.weights.has(name)) weights.add(name);
    else if (graph.inputs.has(name)) graphInputs.add(name);
    const node = producer.get(name);
    if (node === undefined || needed.has(node)) continue;
    needed.add(node);
    queue.push(...node.inputs);
  }
  const part = new ProtoWriter();
  for (const node of graph.nodes) if (needed.has(node)) part.raw(1, node.bytes);
  part.string(2, 'part');
  for (const name of weights) part.raw(5, graph.weights.get(name) ?? new Uint8Array());
  for (const name of graphInputs) part.raw(11, graph.inputs.get(name) ?? new Uint8Array());
  for (const name of cuts) part.message(11, floatTensor(name));
  for (const name of outputs) {
    const declared = graph.outputs.get(name);
    if (declared === undefined) part.message(12, new ProtoWriter().string(1, name));
    else part.raw(12, declared);
  }
  const model = new ProtoWriter();
  for (const { field, value } of graph.header) {
    if (value instanceof Uint8Array) model.raw(field, value);
    else model.int(field, value);
  }
  return { bytes: model.message(7, part).finish(), graphInputs: [...graphInputs] };
}

/** ValueInfoProto of a float tensor of any shape. */
function floatTensor(name: string): ProtoWriter {
  const tensor = new ProtoWriter().int(1, 1);
  return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensor));
}
