/**
 * Writes an ONNX model: nodes, small constants inside, large weights in an external file.
 *
 * Field numbers and types after onnx.proto (IR version 8). Values are names; a node's outputs are returned
 * so that a graph reads like the formula it computes.
 */
import { ProtoWriter } from './protobuf.ts';

export type ElementType = 'float' | 'uint8' | 'int64' | 'bool';

const ELEMENT_ID: { readonly [type in ElementType]: number } = { float: 1, uint8: 2, int64: 7, bool: 9 };

export type Attribute = number | string | readonly number[] | { readonly float: number };

export type Dim = number | string;

/** Where a weight lies in the external data file. */
export interface ExternalData {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

const IR_VERSION = 8;
const OPSETS: readonly (readonly [domain: string, version: number])[] = [
  ['', 17],
  ['com.microsoft', 1],
];

function attribute(name: string, value: Attribute): ProtoWriter {
  const proto = new ProtoWriter().string(1, name);
  if (typeof value === 'number') return proto.int(3, value).int(20, 2);
  if (typeof value === 'string') return proto.string(4, value).int(20, 3);
  if ('float' in value) return proto.float(2, value.float).int(20, 1);
  for (const item of value) proto.int(8, item);
  return proto.int(20, 7);
}

function valueInfo(name: string, type: ElementType, dims: readonly Dim[]): ProtoWriter {
  const shape = new ProtoWriter();
  for (const dim of dims) {
    shape.message(
      1,
      typeof dim === 'number' ? new ProtoWriter().int(1, dim) : new ProtoWriter().string(2, dim),
    );
  }
  const tensor = new ProtoWriter().int(1, ELEMENT_ID[type]).message(2, shape);
  return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensor));
}

function bytesOf(data: Float32Array | BigInt64Array | Uint8Array): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

export class GraphBuilder {
  private readonly graph = new ProtoWriter();
  private readonly constants = new Map<string, string>();
  private counter = 0;

  constructor(name: string) {
    this.graph.string(2, name);
  }

  private fresh(hint: string): string {
    this.counter += 1;
    return `${hint}_${this.counter}`;
  }

  input(name: string, type: ElementType, dims: readonly Dim[]): string {
    this.graph.message(11, valueInfo(name, type, dims));
    return name;
  }

  output(name: string, type: ElementType, dims: readonly Dim[]): void {
    this.graph.message(12, valueInfo(name, type, dims));
  }

  /** A node with one output. `''` stands for an input left out. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: { readonly [name: string]: Attribute } = {},
    domain = '',
  ): string {
    const [output] = this.nodes(op, inputs, 1, attributes, domain);
    return output as string;
  }

  /** A node with several outputs; `name` given, the first output gets exactly that name. */
  nodes(
    op: string,
    inputs: readonly string[],
    outputs: number | readonly string[],
    attributes: { readonly [name: string]: Attribute } = {},
    domain = '',
  ): string[] {
    const names =
      typeof outputs === 'number' ? Array.from({ length: outputs }, () => this.fresh(op)) : [...outputs];
    const node = new ProtoWriter();
    for (const input of inputs) node.string(1, input);
    for (const output of names) node.string(2, output);
    node.string(3, this.fresh(`n_${op}`)).string(4, op);
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value));
    if (domain !== '') node.string(7, domain);
    this.graph.message(1, node);
    return names;
  }

  /** A small constant kept inside the model file; equal ones are shared when `key` is equal. */
  constant(key: string, data: Float32Array | BigInt64Array | Uint8Array, dims: readonly number[]): string {
    const known = this.constants.get(key);
    if (known !== undefined) return known;
    const name = `c_${key}`;
    const type: ElementType =
      data instanceof Float32Array ? 'float' : data instanceof Uint8Array ? 'uint8' : 'int64';
    const tensor = new ProtoWriter();
    for (const dim of dims) tensor.int(1, dim);
    tensor.int(2, ELEMENT_ID[type]).string(8, name).raw(9, bytesOf(data));
    this.graph.message(5, tensor);
    this.constants.set(key, name);
    return name;
  }

  /** An int64 vector constant, e.g. a shape. */
  ints(...values: readonly number[]): string {
    return this.constant(`i_${values.join('_').replaceAll('-', 'm')}`, BigInt64Array.from(values, BigInt), [
      values.length,
    ]);
  }

  /** A weight in the external data file. */
  external(name: string, type: ElementType, dims: readonly number[], where: ExternalData): string {
    const tensor = new ProtoWriter();
    for (const dim of dims) tensor.int(1, dim);
    tensor.int(2, ELEMENT_ID[type]).string(8, name);
    for (const [key, value] of [
      ['location', where.file],
      ['offset', String(where.offset)],
      ['length', String(where.length)],
    ] as const) {
      tensor.message(13, new ProtoWriter().string(1, key).string(2, value));
    }
    tensor.int(14, 1);
    this.graph.message(5, tensor);
    return name;
  }

  /** The serialised ModelProto. */
  finish(): Uint8Array {
    const model = new ProtoWriter().int(1, IR_VERSION).string(2, 'sotto').message(7, this.graph);
    for (const [domain, version] of OPSETS) {
      model.message(8, new ProtoWriter().string(1, domain).int(2, version));
    }
    return model.finish();
  }
}
