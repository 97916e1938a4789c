/**
 * Reads weights and nodes out of a model in ONNX Runtime's own format (.ort).
 *
 * Such a file is a FlatBuffer: tables whose first word points back to a list of field positions. Only what
 * a graph's weights and products need is read (field numbers from the runtime's ort.fbs, format version 6).
 * The rule: nothing is copied but names; a damaged file ends in a RangeError or an empty graph, never in
 * a read outside the bytes given.
 */

export type OrtElement = 'float' | 'uint8' | 'int64' | 'other';

export interface OrtWeight {
  readonly type: OrtElement;
  readonly dims: readonly number[];
  /** A view of the file. */
  readonly bytes: Uint8Array;
}

export interface OrtNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Graphs of the node's branches. */
  readonly branches: readonly OrtGraph[];
}

export interface OrtGraph {
  readonly weights: ReadonlyMap<string, OrtWeight>;
  readonly nodes: readonly OrtNode[];
}

const FIELD = {
  session: { model: 6 },
  model: { graph: 18 },
  graph: { initializers: 4, nodes: 8 },
  tensor: { name: 4, dims: 8, type: 10, raw: 12 },
  node: { op: 14, inputs: 20, outputs: 22, attributes: 24 },
  attribute: { graph: 18 },
} as const;

const ELEMENTS: { readonly [id: number]: OrtElement } = { 1: 'float', 2: 'uint8', 7: 'int64' };
const decoder = new TextDecoder();

/** @returns null when the bytes are no model in this format */
export function readOrtModel(bytes: Uint8Array): OrtGraph | null {
  // "ORTM" stands behind the root's position.
  if (bytes.length < 8 || decoder.decode(bytes.subarray(4, 8)) !== 'ORTM') return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const session = new Table(view, bytes, view.getUint32(0, true));
  const graph = session.table(FIELD.session.model)?.table(FIELD.model.graph);
  return graph === undefined ? null : readGraph(graph);
}

function readGraph(graph: Table): OrtGraph {
  const weights = new Map<string, OrtWeight>();
  for (const tensor of graph.tables(FIELD.graph.initializers)) {
    const dims = tensor.longs(FIELD.tensor.dims);
    const type = ELEMENTS[tensor.int(FIELD.tensor.type)] ?? 'other';
    weights.set(tensor.string(FIELD.tensor.name), { type, dims, bytes: tensor.bytes(FIELD.tensor.raw) });
  }
  const nodes = graph.tables(FIELD.graph.nodes).map(
    (node): OrtNode => ({
      op: node.string(FIELD.node.op),
      inputs: node.strings(FIELD.node.inputs),
      outputs: node.strings(FIELD.node.outputs),
      branches: node
        .tables(FIELD.node.attributes)
        .map((attribute) => attribute.table(FIELD.attribute.graph))
        .filter((branch) => branch !== undefined)
        .map(readGraph),
    }),
  );
  return { weights, nodes };
}

/** A FlatBuffer table; fields are named by their position in the table's field list. */
class Table {
  constructor(
    private readonly view: DataView,
    private readonly all: Uint8Array,
    private readonly at: number,
  ) {}

  /** Where a field's value lies; undefined when it is left out. */
  private place(field: number): number | undefined {
    const list = this.at - this.view.getInt32(this.at, true);
    if (field >= this.view.getUint16(list, true)) return undefined;
    const offset = this.view.getUint16(list + field, true);
    return offset === 0 ? undefined : this.at + offset;
  }

  /** Where the thing lies that a field points to. */
  private target(field: number): number | undefined {
    const place = this.place(field);
    return place === undefined ? undefined : place + this.view.getUint32(place, true);
  }

  int(field: number): number {
    const place = this.place(field);
    return place === undefined ? 0 : this.view.getInt32(place, true);
  }

  bytes(field: number): Uint8Array {
    const at = this.target(field);
    return at === undefined ? new Uint8Array(0) : this.vector(at);
  }

  string(field: number): string {
    return decoder.decode(this.bytes(field));
  }

  longs(field: number): number[] {
    const at = this.target(field);
    if (at === undefined) return [];
    const count = this.view.getUint32(at, true);
    if (at + 4 + 8 * count > this.all.length) throw new RangeError('A list is longer than the file.');
    return Array.from({ length: count }, (_, i) => Number(this.view.getBigInt64(at + 4 + 8 * i, true)));
  }

  table(field: number): Table | undefined {
    const at = this.target(field);
    return at === undefined ? undefined : new Table(this.view, this.all, at);
  }

  /** Tables of a vector; holes are left out. */
  tables(field: number): Table[] {
    return this.items(field).map((at) => new Table(this.view, this.all, at));
  }

  strings(field: number): string[] {
    return this.items(field).map((at) => decoder.decode(this.vector(at)));
  }

  /** Positions of what a vector's entries point to. */
  private items(field: number): number[] {
    const at = this.target(field);
    if (at === undefined) return [];
    const count = this.view.getUint32(at, true);
    if (at + 4 + 4 * count > this.all.length) throw new RangeError('A list is longer than the file.');
    const places = Array.from({ length: count }, (_, i) => at + 4 + 4 * i);
    return places.map((place) => place + this.view.getUint32(place, true));
  }

  private vector(at: number): Uint8Array {
    const length = this.view.getUint32(at, true);
    if (at + 4 + length > this.all.length) throw new RangeError('A value is longer than the file.');
    return this.all.subarray(at + 4, at + 4 + length);
  }
}
