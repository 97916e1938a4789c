/**
 * Bytes of PCM audio to numbers.
 *
 * Every WAV writer has its own idea of a sample: 8 bits unsigned, 24 bits in three or four bytes, floats
 * beyond full scale, NaN. The rule: what comes out is float32 in [-1, 1] with no NaN, mono as the mean of all
 * channels, so that nothing downstream has to ask. Worst case: a float file far above full scale is clipped.
 */

export type SampleEncoding = 'unsigned' | 'signed' | 'float' | 'mulaw' | 'alaw';

export interface SampleLayout {
  readonly encoding: SampleEncoding;
  readonly channels: number;
  /** Bytes one sample takes in the file, 1 … 8. */
  readonly containerBytes: number;
}

/** Bytes of one sample of every channel. */
export function frameBytes(layout: SampleLayout): number {
  return layout.channels * layout.containerBytes;
}

/** Decodes whole frames to mono; bytes that do not fill a last frame are left out. */
export function decodeMono(bytes: Uint8Array, layout: SampleLayout): Float32Array {
  const frames = Math.floor(bytes.length / frameBytes(layout));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sample = sampleReader(layout);
  const out = new Float32Array(frames);
  let at = 0;
  for (let frame = 0; frame < frames; frame++) {
    let sum = 0;
    for (let channel = 0; channel < layout.channels; channel++) {
      sum += sample(view, at);
      at += layout.containerBytes;
    }
    out[frame] = clamp(sum / layout.channels);
  }
  return out;
}

function clamp(value: number): number {
  if (value >= -1 && value <= 1) return value;
  if (value > 1) return 1;
  return value < -1 ? -1 : 0; // NaN is silence
}

function sampleReader({ encoding, containerBytes }: SampleLayout): (view: DataView, at: number) => number {
  switch (encoding) {
    case 'unsigned':
      return (view, at) => (view.getUint8(at) - 128) / 128;
    case 'mulaw':
      return (view, at) => mulaw(view.getUint8(at));
    case 'alaw':
      return (view, at) => alaw(view.getUint8(at));
    case 'float':
      return containerBytes === 8
        ? (view, at) => view.getFloat64(at, true)
        : (view, at) => view.getFloat32(at, true);
    case 'signed':
      return signedReader(containerBytes);
  }
}

/** Two's complement, little endian, most significant bits used (as WAVE_FORMAT_EXTENSIBLE demands). */
function signedReader(containerBytes: number): (view: DataView, at: number) => number {
  switch (containerBytes) {
    case 1:
      return (view, at) => view.getInt8(at) / 128;
    case 2:
      return (view, at) => view.getInt16(at, true) / 32_768;
    case 3:
      return (view, at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 8_388_608;
    default:
      // Of wider containers the upper four bytes hold more than a float32 can.
      return (view, at) => view.getInt32(at + containerBytes - 4, true) / 2_147_483_648;
  }
}

/** ITU-T G.711 µ-law. */
function mulaw(code: number): number {
  const bits = ~code & 0xff;
  const exponent = (bits >> 4) & 7;
  const magnitude = ((((bits & 15) << 3) + 0x84) << exponent) - 0x84;
  return ((bits & 0x80) !== 0 ? -magnitude : magnitude) / 32_768;
}

/** ITU-T G.711 A-law. */
function alaw(code: number): number {
  const bits = code ^ 0x55;
  const exponent = (bits >> 4) & 7;
  const mantissa = (bits & 15) << 4;
  const magnitude = exponent === 0 ? mantissa + 8 : (mantissa + 0x108) << (exponent - 1);
  return ((bits & 0x80) !== 0 ? magnitude : -magnitude) / 32_768;
}
