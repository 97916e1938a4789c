/** WAV files of every kind a user may bring, written field by field. */
export interface WavShape {
  readonly rateHz: number;
  readonly channels?: number;
  readonly bits?: 8 | 16 | 24 | 32;
  readonly float?: boolean;
  /** Bytes the header promises, when that is not what there is. */
  readonly claimedBytes?: number;
}

/** Mono samples in [-1, 1] as a file of the given shape; other channels stay silent. */
export function wavFile(samples: Float32Array, shape: WavShape): Uint8Array {
  const { rateHz, channels = 1, bits = 16, float = false } = shape;
  const width = bits / 8;
  const frame = width * channels;
  const data = Buffer.alloc(samples.length * frame);
  samples.forEach((sample, i) => {
    const at = i * frame;
    const full = 2 ** (bits - 1);
    const whole = Math.max(-full, Math.min(full - 1, Math.round(sample * full)));
    if (float) data.writeFloatLE(sample, at);
    else if (bits === 8) data.writeUInt8(whole + 128, at);
    else data.writeIntLE(whole, at, width);
  });
  const size = shape.claimedBytes ?? data.length;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE((size + 36) >>> 0, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(float ? 3 : 1, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rateHz, 24);
  header.writeUInt32LE(rateHz * frame, 28);
  header.writeUInt16LE(frame, 32);
  header.writeUInt16LE(bits, 34);
  header.write('data', 36);
  header.writeUInt32LE(size, 40);
  return Buffer.concat([header, data]);
}
