/** What a GGUF file holds (format description: the GGUF page of the ggml project, versions 2 and 3). */

/** Random access to a file's bytes; core opens no files itself. */
export interface ByteSource {
  readonly sizeBytes: number;
  /** Exactly `length` bytes from `offset`, or throws. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export type GgufValue = number | bigint | boolean | string | GgufArray;

/** Large numeric and string arrays (token scores, vocabularies) stay in one piece. */
export type GgufArray = readonly GgufValue[];

/** Tensor encodings Sotto can read: elements and bytes of one block, by ggml type id. */
export const TENSOR_TYPES = {
  F32: { id: 0, blockElements: 1, blockBytes: 4 },
  F16: { id: 1, blockElements: 1, blockBytes: 2 },
  Q4_0: { id: 2, blockElements: 32, blockBytes: 18 },
  Q4_1: { id: 3, blockElements: 32, blockBytes: 20 },
  Q5_0: { id: 6, blockElements: 32, blockBytes: 22 },
  Q5_1: { id: 7, blockElements: 32, blockBytes: 24 },
  Q8_0: { id: 8, blockElements: 32, blockBytes: 34 },
  Q4_K: { id: 12, blockElements: 256, blockBytes: 144 },
  Q5_K: { id: 13, blockElements: 256, blockBytes: 176 },
  Q6_K: { id: 14, blockElements: 256, blockBytes: 210 },
  BF16: { id: 30, blockElements: 1, blockBytes: 2 },
} as const;

export type TensorType = keyof typeof TENSOR_TYPES;

/** Names of encodings that exist but are not supported, so that a refusal can say which one it met. */
const OTHER_TYPES: { readonly [id: number]: string } = {
  9: 'Q8_1',
  10: 'Q2_K',
  11: 'Q3_K',
  15: 'Q8_K',
  16: 'IQ2_XXS',
  17: 'IQ2_XS',
  18: 'IQ3_XXS',
  19: 'IQ1_S',
  20: 'IQ4_NL',
  21: 'IQ3_S',
  22: 'IQ2_S',
  23: 'IQ4_XS',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  29: 'IQ1_M',
  34: 'TQ1_0',
  35: 'TQ2_0',
  39: 'MXFP4',
};

export function tensorTypeName(id: number): string {
  for (const [name, type] of Object.entries(TENSOR_TYPES)) if (type.id === id) return name;
  return OTHER_TYPES[id] ?? `type ${id}`;
}

export interface GgufTensor {
  readonly name: string;
  /** ggml order: the first is the contiguous one, i.e. [columns, rows]. */
  readonly dims: readonly number[];
  readonly typeId: number;
  /** From the start of the file. */
  readonly offset: number;
}

export interface Gguf {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}
