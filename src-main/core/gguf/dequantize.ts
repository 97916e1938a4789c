/** GGUF tensors of any supported encoding to float32. */
import { corruptGguf } from './cursor.ts';
import { TENSOR_TYPES, type TensorType } from './types.ts';
import { halfToFloat, isBlockType, unpack } from './unpack.ts';

/**
 * Decodes whole blocks.
 *
 * @param bytes blocks of `type`, back to back
 * @returns one float per element, in storage order
 * @throws SottoError `model-corrupt` when the bytes are no whole number of blocks
 */
export function dequantize(type: TensorType, bytes: Uint8Array): Float32Array {
  if (isBlockType(type)) {
    const { q, scales, minima, subBlock, zero } = unpack(type, bytes);
    const out = new Float32Array(q.length);
    for (let sub = 0; sub < scales.length; sub += 1) {
      const scale = scales[sub] as number;
      const minimum = minima === null ? 0 : (minima[sub] as number);
      for (let i = sub * subBlock; i < (sub + 1) * subBlock; i += 1)
        out[i] = ((q[i] as number) - zero) * scale + minimum;
    }
    return out;
  }
  const { blockBytes } = TENSOR_TYPES[type];
  const count = bytes.length / blockBytes;
  if (!Number.isInteger(count)) throw corruptGguf(`a ${type} tensor has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const out = new Float32Array(count);
  if (type === 'F32') {
    for (let i = 0; i < count; i += 1) out[i] = view.getFloat32(i * 4, true);
  } else if (type === 'F16') {
    for (let i = 0; i < count; i += 1) out[i] = halfToFloat(view.getUint16(i * 2, true));
  } else {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < count; i += 1) bits[i] = view.getUint16(i * 2, true) << 16;
  }
  return out;
}
