import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeWav, readWav } from '../../src-main/core/audio/wav.ts';

interface Layout {
  readonly tag: number;
  readonly bits: number;
  readonly channels: number;
  readonly rateHz?: number;
  readonly containerBytes?: number;
  readonly extensible?: boolean;
  /** What the data chunk's size field says instead of the truth. */
  readonly saysBytes?: number;
  readonly saysBlockAlign?: number;
  readonly before?: Uint8Array;
  readonly after?: Uint8Array;
}

/** A WAV file with exactly this data, header fields as asked for. */
function wavFile(data: Uint8Array, layout: Layout): Uint8Array {
  const { tag, bits, channels, rateHz = 16_000, extensible = false } = layout;
  const container = layout.containerBytes ?? Math.ceil(bits / 8);
  const fmt = new DataView(new ArrayBuffer(extensible ? 40 : 16));
  fmt.setUint16(0, extensible ? 0xfffe : tag, true);
  fmt.setUint16(2, channels, true);
  fmt.setUint32(4, rateHz, true);
  fmt.setUint32(8, rateHz * channels * container, true);
  fmt.setUint16(12, layout.saysBlockAlign ?? channels * container, true);
  fmt.setUint16(14, bits, true);
  if (extensible) {
    fmt.setUint16(16, 22, true);
    fmt.setUint16(18, bits, true);
    fmt.setUint16(24, tag, true);
  }
  const size = new Uint8Array(4);
  new DataView(size.buffer).setUint32(0, layout.saysBytes ?? data.length, true);
  return joined(
    ascii('RIFF'),
    new Uint8Array(4),
    ascii('WAVE'),
    layout.before ?? new Uint8Array(0),
    ascii('fmt '),
    Uint8Array.of(fmt.byteLength, 0, 0, 0),
    new Uint8Array(fmt.buffer),
    ascii('data'),
    size,
    data,
    layout.after ?? new Uint8Array(0),
  );
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function samplesOf(bytes: Uint8Array, chunkBytes = 1000): Promise<number[]> {
  const { blocks } = await readWav(chunks(bytes, chunkBytes));
  const out: number[] = [];
  for await (const block of blocks) out.push(...block);
  return out;
}

const wanted = [0, 0.5, -0.5, 0.25, -1];

/** The wanted samples in some encoding, the same in every channel. */
function encoded(write: (view: DataView, at: number, value: number) => void, bytes: number, channels = 1) {
  const view = new DataView(new ArrayBuffer(wanted.length * bytes * channels));
  wanted.forEach((value, frame) => {
    for (let c = 0; c < channels; c++) write(view, (frame * channels + c) * bytes, value);
  });
  return new Uint8Array(view.buffer);
}

describe('reading WAV', () => {
  const int16 = (view: DataView, at: number, value: number) => view.setInt16(at, value * 32_768, true);
  const cases: readonly (readonly [string, Uint8Array])[] = [
    [
      '8-bit',
      wavFile(
        encoded((v, at, x) => v.setUint8(at, x * 128 + 128), 1),
        { tag: 1, bits: 8, channels: 1 },
      ),
    ],
    ['16-bit', wavFile(encoded(int16, 2), { tag: 1, bits: 16, channels: 1 })],
    [
      '24-bit',
      wavFile(
        encoded((v, at, x) => {
          v.setUint8(at, 0);
          v.setInt16(at + 1, x * 32_768, true);
        }, 3),
        { tag: 1, bits: 24, channels: 1 },
      ),
    ],
    [
      '24 bits in 4 bytes',
      wavFile(
        encoded((v, at, x) => v.setInt32(at, x * 2 ** 31, true), 4),
        {
          tag: 1,
          bits: 24,
          channels: 1,
          containerBytes: 4,
          extensible: true,
        },
      ),
    ],
    [
      '32-bit',
      wavFile(
        encoded((v, at, x) => v.setInt32(at, x * 2 ** 31, true), 4),
        { tag: 1, bits: 32, channels: 1 },
      ),
    ],
    [
      'float32',
      wavFile(
        encoded((v, at, x) => v.setFloat32(at, x, true), 4),
        { tag: 3, bits: 32, channels: 1 },
      ),
    ],
    [
      'float64',
      wavFile(
        encoded((v, at, x) => v.setFloat64(at, x, true), 8),
        { tag: 3, bits: 64, channels: 1 },
      ),
    ],
    ['6 channels', wavFile(encoded(int16, 2, 6), { tag: 1, bits: 16, channels: 6, extensible: true })],
    [
      'chunks before and after',
      wavFile(encoded(int16, 2), {
        tag: 1,
        bits: 16,
        channels: 1,
        before: joined(ascii('LIST'), Uint8Array.of(3, 0, 0, 0), ascii('abc'), new Uint8Array(1)),
        after: joined(ascii('LIST'), Uint8Array.of(4, 0, 0, 0), ascii('zzzz')),
      }),
    ],
    ['a length of 0', wavFile(encoded(int16, 2), { tag: 1, bits: 16, channels: 1, saysBytes: 0 })],
    [
      'a length of 4 GB',
      wavFile(encoded(int16, 2), { tag: 1, bits: 16, channels: 1, saysBytes: 0xffff_ffff }),
    ],
    [
      'a length that is too great',
      wavFile(encoded(int16, 2), { tag: 1, bits: 16, channels: 1, saysBytes: 1e9 }),
    ],
    [
      'a block size that fits nothing',
      wavFile(encoded(int16, 2), { tag: 1, bits: 16, channels: 1, saysBlockAlign: 77 }),
    ],
  ];
  it.each(cases)('%s', async (_name, bytes) => {
    for (const chunkBytes of [1, 7, 10_000]) {
      const samples = await samplesOf(bytes, chunkBytes);
      expect(samples).toHaveLength(wanted.length);
      for (const [i, sample] of samples.entries()) expect(sample).toBeCloseTo(wanted[i] ?? Number.NaN, 4);
    }
  });

  it('decodes µ-law and A-law (values of ITU-T G.711)', async () => {
    const mulaw = await samplesOf(
      wavFile(Uint8Array.of(0xff, 0x80, 0x00, 0x7f), { tag: 7, bits: 8, channels: 1 }),
    );
    expect(mulaw.map((x) => Math.round(x * 32_768) + 0)).toEqual([0, 32_124, -32_124, 0]);
    const alaw = await samplesOf(
      wavFile(Uint8Array.of(0xd5, 0x55, 0xaa, 0x2a), { tag: 6, bits: 8, channels: 1 }),
    );
    expect(alaw.map((x) => Math.round(x * 32_768))).toEqual([8, -8, 32_256, -32_256]);
  });

  it('takes the mean of the channels', async () => {
    const data = new Uint8Array(new Int16Array([16_384, -16_384, 8_192, 8_192]).buffer);
    expect(await samplesOf(wavFile(data, { tag: 1, bits: 16, channels: 2 }))).toEqual([0, 0.25]);
  });

  it('turns NaN into silence and clips what is beyond full scale', async () => {
    const data = new Uint8Array(new Float32Array([Number.NaN, 7, -7, Number.POSITIVE_INFINITY]).buffer);
    expect(await samplesOf(wavFile(data, { tag: 3, bits: 32, channels: 1 }))).toEqual([0, 1, -1, 1]);
  });

  it('leaves out half a frame at the end', async () => {
    const data = Uint8Array.of(0, 64, 0, 64, 1);
    expect(await samplesOf(wavFile(data, { tag: 1, bits: 16, channels: 1 }))).toEqual([0.5, 0.5]);
  });

  it('gives nothing for a header with no audio', async () => {
    expect(await samplesOf(wavFile(new Uint8Array(0), { tag: 1, bits: 16, channels: 1 }))).toEqual([]);
  });

  const bad: readonly (readonly [string, Uint8Array, string])[] = [
    ['an empty file', new Uint8Array(0), 'bad-file'],
    ['text', ascii('Dear Sir or Madam, this is not audio at all.'), 'bad-file'],
    [
      'a header cut in fmt',
      wavFile(new Uint8Array(0), { tag: 1, bits: 16, channels: 1 }).subarray(0, 25),
      'bad-file',
    ],
    [
      'a header cut before data',
      wavFile(new Uint8Array(0), { tag: 1, bits: 16, channels: 1 }).subarray(0, 38),
      'bad-file',
    ],
    ['no channels', wavFile(new Uint8Array(8), { tag: 1, bits: 16, channels: 0 }), 'bad-file'],
    [
      '65535 channels',
      wavFile(new Uint8Array(8), { tag: 1, bits: 16, channels: 65_535, saysBlockAlign: 2 }),
      'bad-file',
    ],
    ['a rate of 0', wavFile(new Uint8Array(8), { tag: 1, bits: 16, channels: 1, rateHz: 0 }), 'bad-file'],
    [
      'a rate of 4 GHz',
      wavFile(new Uint8Array(8), { tag: 1, bits: 16, channels: 1, rateHz: 0xffff_ffff }),
      'bad-file',
    ],
    ['ADPCM', wavFile(new Uint8Array(8), { tag: 2, bits: 4, channels: 1 }), 'unsupported-format'],
    ['PCM of 0 bits', wavFile(new Uint8Array(8), { tag: 1, bits: 0, channels: 1 }), 'unsupported-format'],
    ['float of 16 bits', wavFile(new Uint8Array(8), { tag: 3, bits: 16, channels: 1 }), 'unsupported-format'],
  ];
  it.each(bad)('refuses %s', async (_name, bytes, code) => {
    await expect(samplesOf(bytes)).rejects.toMatchObject({ name: 'SottoError', code });
  });

  it('answers any bytes with audio in range or with its own error', async () => {
    const valid = wavFile(encoded(int16, 2), { tag: 1, bits: 16, channels: 1 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 12 }),
        fc.nat(valid.length),
        async (changes, length) => {
          const bytes = valid.slice(0, length);
          for (const [at, value] of changes) if (at < length) bytes[at] = value;
          try {
            for (const sample of await samplesOf(bytes, 11)) expect(Math.abs(sample)).toBeLessThanOrEqual(1);
          } catch (error) {
            expect(error).toHaveProperty('name', 'SottoError');
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('closes its source when the blocks are left early', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array> {
      try {
        yield wavFile(new Uint8Array(4000), { tag: 1, bits: 16, channels: 1, saysBytes: 0xffff_ffff });
        for (;;) yield new Uint8Array(1000);
      } finally {
        closed = true;
      }
    }
    for await (const _block of (await readWav(source())).blocks) break;
    expect(closed).toBe(true);
  });
});

describe('writing WAV', () => {
  it('is read back to within half a step of 16 bits', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.double({ min: -1, max: 0.9999, noNaN: true }), { minLength: 1, maxLength: 100 }),
        async (values) => {
          const back = await samplesOf(encodeWav(Float32Array.from(values), 22_050));
          expect(back).toHaveLength(values.length);
          for (const [i, sample] of back.entries()) {
            expect(Math.abs(sample - (values[i] ?? 0))).toBeLessThan(0.51 / 32_768);
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  it('clips instead of wrapping', async () => {
    expect(await samplesOf(encodeWav(Float32Array.of(1.5, -1.5), 16_000))).toEqual([32_767 / 32_768, -1]);
  });
});
