/**
 * Reads a GGUF header: metadata and the table of tensors, not the weights.
 *
 * Source: the GGUF description of the ggml project (versions 2 and 3, little endian).
 */
import { SottoError } from '../../contract/errors.ts';
import { corruptGguf, GgufCursor } from './cursor.ts';
import { type ByteSource, type Gguf, type GgufTensor, type GgufValue, TENSOR_TYPES } from './types.ts';

const MAGIC = 0x46554747; // "GGUF"
const DEFAULT_ALIGNMENT = 32;
/** ggml knows at most four dimensions. */
const MAX_DIMENSIONS = 4;
/** Nesting of arrays; no known writer nests at all. */
const MAX_NESTING = 4;

/** Smallest size in bytes of one value of each metadata type, for the check before an array is read. */
const MINIMUM_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8] as const;
const TYPE_STRING = 8;
const TYPE_ARRAY = 9;
/** Values of a list read between two looks at the file. */
const SLICE_VALUES = 4096;
/** Largest list read; the largest vocabulary known has 262,144 tokens. */
const MAX_LIST_VALUES = 1 << 23;

async function readValue(cursor: GgufCursor, type: number, depth: number): Promise<GgufValue> {
  if (type === TYPE_STRING) return cursor.string();
  if (type === TYPE_ARRAY) return readArray(cursor, depth + 1);
  await cursor.ensure(MINIMUM_BYTES[type] ?? 1);
  return readScalar(cursor, type);
}

/** A value of fixed size that `ensure` has brought into memory. */
function readScalar(cursor: GgufCursor, type: number): GgufValue {
  switch (type) {
    case 0:
      return cursor.u8();
    case 1:
      return cursor.i8();
    case 2:
      return cursor.u16();
    case 3:
      return cursor.i16();
    case 4:
      return cursor.u32();
    case 5:
      return cursor.i32();
    case 6:
      return cursor.f32();
    case 7:
      return cursor.u8() !== 0;
    case 10:
      return cursor.u64();
    case 11:
      return cursor.i64();
    case 12:
      return cursor.f64();
    default:
      throw corruptGguf(`it holds a value of unknown type ${type}`);
  }
}

async function readArray(cursor: GgufCursor, depth: number): Promise<GgufValue[]> {
  if (depth > MAX_NESTING) throw corruptGguf('its metadata is nested too deeply');
  await cursor.ensure(12);
  const type = cursor.u32();
  const count = cursor.u64();
  const minimum = MINIMUM_BYTES[type];
  if (minimum === undefined) throw corruptGguf(`it holds a list of unknown type ${type}`);
  if (count * minimum > cursor.remaining || count > MAX_LIST_VALUES)
    throw corruptGguf(`it names a list of ${count} values where the file has no room for them`);
  const values: GgufValue[] = [];
  if (type === TYPE_STRING) {
    for (let i = 0; i < count; i += 1) values.push(cursor.stringInMemory() ?? (await cursor.string()));
  } else if (type === TYPE_ARRAY) {
    for (let i = 0; i < count; i += 1) values.push(await readArray(cursor, depth + 1));
  } else {
    for (let done = 0; done < count; done += SLICE_VALUES) {
      const slice = Math.min(SLICE_VALUES, count - done);
      await cursor.ensure(slice * minimum);
      for (let i = 0; i < slice; i += 1) values.push(readScalar(cursor, type));
    }
  }
  return values;
}

/** Bytes of a tensor, or null when its encoding is not one Sotto reads. */
export function tensorBytes(tensor: GgufTensor): number | null {
  const type = Object.values(TENSOR_TYPES).find((candidate) => candidate.id === tensor.typeId);
  if (type === undefined) return null;
  const elements = tensor.dims.reduce((product, dim) => product * dim, 1);
  return (elements / type.blockElements) * type.blockBytes;
}

function checkTensor(tensor: GgufTensor, sizeBytes: number): void {
  const type = Object.values(TENSOR_TYPES).find((candidate) => candidate.id === tensor.typeId);
  const columns = tensor.dims[0] ?? 1;
  if (type !== undefined && columns % type.blockElements !== 0) {
    throw corruptGguf(`tensor ${tensor.name} has rows of ${columns} values, which its encoding cannot hold`);
  }
  const bytes = tensorBytes(tensor) ?? 1;
  if (tensor.offset + bytes > sizeBytes) {
    throw corruptGguf(
      `tensor ${tensor.name} should end at byte ${tensor.offset + bytes}, the file at ${sizeBytes}: it was cut short`,
    );
  }
}

/**
 * Reads and checks the header.
 *
 * @throws SottoError `unsupported-format` when it is no GGUF of version 2 or 3, `model-corrupt` when sizes,
 * counts or offsets do not fit the file.
 */
export async function readGguf(source: ByteSource): Promise<Gguf> {
  if (source.sizeBytes < 24) throw corruptGguf(`it has only ${source.sizeBytes} bytes`);
  const cursor = new GgufCursor(source);
  await cursor.ensure(24);
  if (cursor.u32() !== MAGIC) {
    throw new SottoError('This is not a GGUF file. Choose a file that ends in .gguf.', {
      code: 'unsupported-format',
      stage: 'chat',
    });
  }
  const version = cursor.u32();
  if (version !== 2 && version !== 3) {
    throw new SottoError(
      `This GGUF file has version ${version}; Sotto reads versions 2 and 3 (little endian).`,
      {
        code: 'unsupported-format',
        stage: 'chat',
      },
    );
  }
  const tensorCount = cursor.u64();
  const valueCount = cursor.u64();
  if (tensorCount * 24 > source.sizeBytes || valueCount * 13 > source.sizeBytes) {
    throw corruptGguf(`it names ${tensorCount} tensors and ${valueCount} values, more than it has room for`);
  }
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i += 1) {
    const key = await cursor.string();
    await cursor.ensure(4);
    metadata.set(key, await readValue(cursor, cursor.u32(), 0));
  }
  const relative: GgufTensor[] = [];
  for (let i = 0; i < tensorCount; i += 1) relative.push(await readTensorInfo(cursor));
  const declared = metadata.get('general.alignment');
  const alignment = typeof declared === 'number' && declared > 0 ? declared : DEFAULT_ALIGNMENT;
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const info of relative) {
    const tensor = { ...info, offset: info.offset + dataStart };
    checkTensor(tensor, source.sizeBytes);
    if (tensors.has(tensor.name)) throw corruptGguf(`tensor ${tensor.name} is there twice`);
    tensors.set(tensor.name, tensor);
  }
  return { version, metadata, tensors };
}

async function readTensorInfo(cursor: GgufCursor): Promise<GgufTensor> {
  const name = await cursor.string();
  await cursor.ensure(4);
  const dimensionCount = cursor.u32();
  if (dimensionCount > MAX_DIMENSIONS) throw corruptGguf(`tensor ${name} has ${dimensionCount} dimensions`);
  await cursor.ensure(dimensionCount * 8 + 12);
  const dims: number[] = [];
  let elements = 1;
  for (let i = 0; i < dimensionCount; i += 1) {
    const dim = cursor.u64();
    elements *= dim;
    if (dim === 0 || elements > Number.MAX_SAFE_INTEGER)
      throw corruptGguf(`tensor ${name} has an impossible shape`);
    dims.push(dim);
  }
  const typeId = cursor.u32();
  return { name, dims, typeId, offset: cursor.u64() };
}
