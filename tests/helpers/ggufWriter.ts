/**
 * Writes GGUF files for tests: any metadata, any tensors, and whole tiny language models of random weights
 * in every encoding, so that formats nobody can download here are run all the same.
 *
 * The blocks are random bytes with sane half-precision scales: an encoding is tested by reading it, so no
 * quantiser is needed.
 */
import { seededRandom } from '../../src-main/core/sampling.ts';

export type MetaValue =
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly text: string }
  | { readonly texts: readonly string[] }
  | { readonly i32s: readonly number[] }
  | { readonly f32s: readonly number[] };

export interface WriterTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly typeId: number;
  readonly bytes: Uint8Array;
}

const ALIGNMENT = 32;

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}
function u64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}
function f32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeFloatLE(value);
  return out;
}
function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'utf8');
  return Buffer.concat([u64(bytes.length), bytes]);
}
function list(type: number, items: readonly Buffer[]): Buffer {
  return Buffer.concat([u32(9), u32(type), u64(items.length), ...items]);
}

function metaBytes(value: MetaValue): Buffer {
  if ('u32' in value) return Buffer.concat([u32(4), u32(value.u32)]);
  if ('f32' in value) return Buffer.concat([u32(6), f32(value.f32)]);
  if ('bool' in value) return Buffer.concat([u32(7), Buffer.of(value.bool ? 1 : 0)]);
  if ('text' in value) return Buffer.concat([u32(8), text(value.text)]);
  if ('texts' in value) return list(8, value.texts.map(text));
  if ('i32s' in value) return list(5, value.i32s.map(u32));
  return list(6, value.f32s.map(f32));
}

/** A whole GGUF file, version 3. */
export function writeGguf(
  metadata: { readonly [key: string]: MetaValue },
  tensors: readonly WriterTensor[],
): Uint8Array {
  const entries = Object.entries(metadata);
  const head = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) head.push(text(key), metaBytes(value));
  const data: Buffer[] = [];
  let offset = 0;
  for (const { name, dims, typeId, bytes } of tensors) {
    head.push(text(name), u32(dims.length), ...dims.map(u64), u32(typeId), u64(offset));
    const padded = Math.ceil(bytes.length / ALIGNMENT) * ALIGNMENT;
    data.push(Buffer.concat([bytes, Buffer.alloc(padded - bytes.length)]));
    offset += padded;
  }
  const header = Buffer.concat(head);
  const padding = Buffer.alloc((ALIGNMENT - (header.length % ALIGNMENT)) % ALIGNMENT);
  return new Uint8Array(Buffer.concat([header, padding, ...data]));
}

/** Elements and bytes of a block and the byte positions of its half-precision scales. */
const ENCODINGS = {
  F32: { id: 0, elements: 1, bytes: 4, halves: [] },
  F16: { id: 1, elements: 1, bytes: 2, halves: [] },
  BF16: { id: 30, elements: 1, bytes: 2, halves: [] },
  Q4_0: { id: 2, elements: 32, bytes: 18, halves: [0] },
  Q4_1: { id: 3, elements: 32, bytes: 20, halves: [0, 2] },
  Q5_0: { id: 6, elements: 32, bytes: 22, halves: [0] },
  Q5_1: { id: 7, elements: 32, bytes: 24, halves: [0, 2] },
  Q8_0: { id: 8, elements: 32, bytes: 34, halves: [0] },
  Q4_K: { id: 12, elements: 256, bytes: 144, halves: [0, 2] },
  Q5_K: { id: 13, elements: 256, bytes: 176, halves: [0, 2] },
  Q6_K: { id: 14, elements: 256, bytes: 210, halves: [208] },
  IQ4_XS: { id: 23, elements: 256, bytes: 136, halves: [0] },
} as const;
export type Encoding = keyof typeof ENCODINGS;

/** Largest integer an encoding multiplies its scale by, so that weights come out about `spread` large. */
const REACH: { readonly [encoding in Encoding]: number } = {
  F32: 1,
  F16: 1,
  BF16: 1,
  Q4_0: 8,
  Q4_1: 15,
  Q5_0: 16,
  Q5_1: 31,
  Q8_0: 127,
  Q4_K: 15 * 63,
  Q5_K: 31 * 63,
  Q6_K: 32 * 127,
  IQ4_XS: 127,
};

/** Half-precision bits of a positive number in the normal or subnormal range. */
export function toHalf(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -14) return sign | Math.round(magnitude * 2 ** 24);
  const exponent = Math.floor(Math.log2(magnitude));
  const fraction = Math.round((magnitude / 2 ** exponent - 1) * 1024);
  return sign | (((exponent + 15) << 10) + fraction);
}

/** The upper half of a single-precision number. */
function bfloatBits(value: number): number {
  return new DataView(Float32Array.of(value).buffer).getUint16(2, true);
}

/** Random weights of `elements` numbers, most within ±spread. */
export function randomTensor(
  encoding: Encoding,
  name: string,
  dims: readonly number[],
  spread: number,
  random: () => number,
): WriterTensor {
  const { id, elements, bytes: blockBytes, halves } = ENCODINGS[encoding];
  const count = dims.reduce((product, dim) => product * dim, 1);
  const bytes = Buffer.alloc((count / elements) * blockBytes);
  for (let at = 0; at < bytes.length; at += blockBytes) {
    if (elements === 1) {
      const value = (random() * 2 - 1) * spread;
      if (encoding === 'F32') bytes.writeFloatLE(value, at);
      else if (encoding === 'F16') bytes.writeUInt16LE(toHalf(value), at);
      else bytes.writeUInt16LE(bfloatBits(value), at);
      continue;
    }
    for (let i = 0; i < blockBytes; i += 1) bytes[at + i] = Math.floor(random() * 256);
    const scale = ((0.5 + random()) * spread) / REACH[encoding];
    halves.forEach((half, i) => {
      // The second half is a minimum: as large as the scale's reach, of the other sign.
      const isMinimum = i === 1;
      const isK = elements === 256;
      const value = isMinimum
        ? isK
          ? (scale * REACH[encoding]) / 2 / 63
          : -scale * (REACH[encoding] / 2)
        : scale;
      bytes.writeUInt16LE(toHalf(value), at + half);
    });
  }
  return { name, dims, typeId: id, bytes };
}

export type Architecture = 'llama' | 'qwen2' | 'qwen3' | 'gemma3';

export interface TinyModel {
  readonly architecture: Architecture;
  readonly encoding: Encoding;
  readonly seed: number;
  /** Names left out, to see what a reader says. */
  readonly without?: readonly string[];
  readonly metadata?: { readonly [key: string]: MetaValue };
}

export const TINY = { embedding: 256, feedForward: 512, heads: 4, kvHeads: 2, headDim: 64, vocabulary: 320 };

/** GPT-2's printable bytes, then control tokens: a vocabulary with no merges. */
function tokens(): { texts: string[]; kinds: number[] } {
  const texts: string[] = [];
  for (let byte = 0, extra = 256; byte < 256; byte += 1) {
    const visible = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    texts.push(String.fromCharCode(visible ? byte : extra++));
  }
  const kinds = texts.map(() => 1);
  for (const control of ['<|endoftext|>', '<|im_start|>', '<|im_end|>']) {
    texts.push(control);
    kinds.push(3);
  }
  while (texts.length < TINY.vocabulary) {
    texts.push(`<unused${texts.length}>`);
    kinds.push(3);
  }
  return { texts, kinds };
}

/** A model of two layers (seven for gemma3, so that one layer looks at everything). */
export function tinyModel({
  architecture: a,
  encoding,
  seed,
  without = [],
  metadata = {},
}: TinyModel): Uint8Array {
  const random = seededRandom(seed);
  const { embedding, feedForward, heads, kvHeads, headDim, vocabulary } = TINY;
  const layers = a === 'gemma3' ? 7 : 2;
  const matrix = (name: string, columns: number, rows: number): WriterTensor =>
    randomTensor(encoding, `${name}.weight`, [columns, rows], 2 / Math.sqrt(columns), random);
  const vector = (name: string, size: number, around: number): WriterTensor => {
    const bytes = Buffer.alloc(size * 4);
    for (let i = 0; i < size; i += 1) bytes.writeFloatLE(around + (random() - 0.5) * 0.2, i * 4);
    return { name, dims: [size], typeId: 0, bytes };
  };
  const tensors: WriterTensor[] = [
    randomTensor(encoding, 'token_embd.weight', [embedding, vocabulary], 1, random),
    vector('output_norm.weight', embedding, 1),
  ];
  if (a !== 'gemma3') tensors.push(matrix('output', embedding, vocabulary));
  for (let layer = 0; layer < layers; layer += 1) {
    const blk = `blk.${layer}`;
    tensors.push(
      vector(`${blk}.attn_norm.weight`, embedding, 1),
      matrix(`${blk}.attn_q`, embedding, heads * headDim),
      matrix(`${blk}.attn_k`, embedding, kvHeads * headDim),
      matrix(`${blk}.attn_v`, embedding, kvHeads * headDim),
      matrix(`${blk}.attn_output`, heads * headDim, embedding),
      vector(`${blk}.ffn_norm.weight`, embedding, 1),
      matrix(`${blk}.ffn_gate`, embedding, feedForward),
      matrix(`${blk}.ffn_up`, embedding, feedForward),
      matrix(`${blk}.ffn_down`, feedForward, embedding),
    );
    if (a === 'qwen2') {
      tensors.push(
        vector(`${blk}.attn_q.bias`, heads * headDim, 0),
        vector(`${blk}.attn_k.bias`, kvHeads * headDim, 0),
        vector(`${blk}.attn_v.bias`, kvHeads * headDim, 0),
      );
    }
    if (a === 'qwen3' || a === 'gemma3') {
      tensors.push(
        vector(`${blk}.attn_q_norm.weight`, headDim, 1),
        vector(`${blk}.attn_k_norm.weight`, headDim, 1),
      );
    }
    if (a === 'gemma3') {
      tensors.push(
        vector(`${blk}.post_attention_norm.weight`, embedding, 1),
        vector(`${blk}.post_ffw_norm.weight`, embedding, 1),
      );
    }
  }
  const { texts, kinds } = tokens();
  return writeGguf(
    {
      'general.architecture': { text: a },
      [`${a}.block_count`]: { u32: layers },
      [`${a}.context_length`]: { u32: 512 },
      [`${a}.embedding_length`]: { u32: embedding },
      [`${a}.feed_forward_length`]: { u32: feedForward },
      [`${a}.attention.head_count`]: { u32: heads },
      [`${a}.attention.head_count_kv`]: { u32: kvHeads },
      [`${a}.attention.key_length`]: { u32: headDim },
      [`${a}.attention.value_length`]: { u32: headDim },
      [`${a}.attention.layer_norm_rms_epsilon`]: { f32: 1e-5 },
      [`${a}.rope.freq_base`]: { f32: a === 'gemma3' ? 1_000_000 : 10_000 },
      [`${a}.rope.dimension_count`]: { u32: headDim },
      ...(a === 'gemma3' ? { [`${a}.attention.sliding_window`]: { u32: 16 } } : {}),
      'tokenizer.ggml.model': { text: 'gpt2' },
      'tokenizer.ggml.pre': { text: 'gpt-2' },
      'tokenizer.ggml.tokens': { texts },
      'tokenizer.ggml.token_type': { i32s: kinds },
      'tokenizer.ggml.merges': { texts: ['t h'] },
      'tokenizer.ggml.eos_token_id': { u32: 256 },
      'tokenizer.ggml.bos_token_id': { u32: 256 },
      ...metadata,
    },
    tensors.filter((tensor) => !without.includes(tensor.name)),
  );
}
