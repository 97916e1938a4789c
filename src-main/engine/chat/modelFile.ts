/** A GGUF file held open: its header, whole tensors for the compiler, single rows for the embedding. */
import { readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { SottoError } from '../../contract/errors.ts';
import { dequantize } from '../../core/gguf/dequantize.ts';
import { readGguf, tensorBytes } from '../../core/gguf/readGguf.ts';
import {
  type Gguf,
  type GgufTensor,
  TENSOR_TYPES,
  type TensorType,
  tensorTypeName,
} from '../../core/gguf/types.ts';

export interface ModelFile {
  readonly path: string;
  readonly gguf: Gguf;
  has(name: string): boolean;
  /** The table entry. Throws `model-corrupt` when the tensor is missing. */
  tensor(name: string): GgufTensor;
  /** The supported encoding of a tensor. Throws `unsupported-model` naming the encoding otherwise. */
  type(name: string): TensorType;
  bytes(name: string): Promise<Uint8Array>;
  /** A whole small tensor as floats (norms, biases). */
  floats(name: string): Promise<Float32Array>;
  /** One row of a matrix as floats, read on the spot: 600 bytes from the page cache, about 5 µs. */
  row(name: string, index: number, out: Float32Array, at: number, scale: number): void;
  close(): Promise<void>;
}

/** @throws SottoError `model-missing`, `unsupported-format`, `model-corrupt` */
export async function openModelFile(path: string): Promise<ModelFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    throw new SottoError(
      `The model file ${path} cannot be opened. Run \`sotto models list\` to see what is installed.`,
      {
        code: 'model-missing',
        stage: 'chat',
        cause,
      },
    );
  }
  try {
    const { size } = await handle.stat();
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const buffer = new Uint8Array(length);
      const { bytesRead } = await handle.read(buffer, 0, length, offset);
      if (bytesRead !== length)
        throw new SottoError('The model file ended early. Download it again.', {
          code: 'model-corrupt',
          stage: 'chat',
        });
      return buffer;
    };
    const gguf = await readGguf({ sizeBytes: size, read });
    return modelFile(path, gguf, handle, read);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function modelFile(
  path: string,
  gguf: Gguf,
  handle: FileHandle,
  read: (offset: number, length: number) => Promise<Uint8Array>,
): ModelFile {
  const tensor = (name: string): GgufTensor => {
    const found = gguf.tensors.get(name);
    if (found === undefined) {
      throw new SottoError(
        `This GGUF file lacks the tensor ${name}. It was cut or converted badly: download it again.`,
        {
          code: 'model-corrupt',
          stage: 'chat',
        },
      );
    }
    return found;
  };
  const type = (name: string): TensorType => {
    const typeName = tensorTypeName(tensor(name).typeId);
    if (!Object.hasOwn(TENSOR_TYPES, typeName)) {
      throw new SottoError(
        `This GGUF file stores ${name} as ${typeName}, which Sotto cannot read. It reads ${Object.keys(TENSOR_TYPES).join(', ')}: choose a file in one of these (Q4_K_M is a good one).`,
        { code: 'unsupported-model', stage: 'chat' },
      );
    }
    return typeName as TensorType;
  };
  const bytes = (name: string): Promise<Uint8Array> =>
    read(tensor(name).offset, tensorBytes(tensor(name)) ?? 0);
  let rowBuffer = new Uint8Array(0);
  return {
    path,
    gguf,
    has: (name) => gguf.tensors.has(name),
    tensor,
    type,
    bytes,
    floats: async (name) => dequantize(type(name), await bytes(name)),
    row(name, index, out, at, scale) {
      const kind = type(name);
      const columns = tensor(name).dims[0] ?? 0;
      const rowBytes = (columns / TENSOR_TYPES[kind].blockElements) * TENSOR_TYPES[kind].blockBytes;
      if (rowBuffer.length !== rowBytes) rowBuffer = new Uint8Array(rowBytes);
      readSync(handle.fd, rowBuffer, 0, rowBytes, tensor(name).offset + index * rowBytes);
      const values = dequantize(kind, rowBuffer);
      for (let i = 0; i < columns; i += 1) out[at + i] = (values[i] as number) * scale;
    },
    close: () => handle.close(),
  };
}
