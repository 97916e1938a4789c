/**
 * A forward cursor over a byte source that never trusts a length it reads.
 *
 * GGUF headers carry counts and lengths of 64 bits; a damaged or hostile file names sizes far beyond the
 * file. The rule: before anything is allocated, what is claimed must fit into what is left of the file.
 */
import { SottoError } from '../../contract/errors.ts';
import type { ByteSource } from './types.ts';

/** Bytes fetched at a time; a header of 50,000 tokens is about 2 MB. */
const WINDOW_BYTES = 1 << 20;

export function corruptGguf(what: string): SottoError {
  return new SottoError(
    `This GGUF file is damaged: ${what}. Download it again, or check it with the program it came from.`,
    { code: 'model-corrupt', stage: 'chat' },
  );
}

export class GgufCursor {
  position = 0;
  private window = new Uint8Array(0);
  private windowStart = 0;
  private readonly decoder = new TextDecoder('utf-8');

  constructor(private readonly source: ByteSource) {}

  get remaining(): number {
    return this.source.sizeBytes - this.position;
  }

  /** Bytes at the cursor, which moves on. The array is only valid until the next call. */
  async take(length: number): Promise<Uint8Array> {
    if (length > this.remaining)
      throw corruptGguf(`it ends at byte ${this.source.sizeBytes} in the middle of its header`);
    const end = this.position + length;
    if (this.position < this.windowStart || end > this.windowStart + this.window.length) {
      const want = Math.min(Math.max(length, WINDOW_BYTES), this.remaining);
      this.window = new Uint8Array(await this.source.read(this.position, want));
      this.windowStart = this.position;
    }
    const from = this.position - this.windowStart;
    this.position = end;
    return this.window.subarray(from, from + length);
  }

  private async view(length: number): Promise<DataView> {
    const bytes = await this.take(length);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  async u8(): Promise<number> {
    return (await this.view(1)).getUint8(0);
  }
  async i8(): Promise<number> {
    return (await this.view(1)).getInt8(0);
  }
  async u16(): Promise<number> {
    return (await this.view(2)).getUint16(0, true);
  }
  async i16(): Promise<number> {
    return (await this.view(2)).getInt16(0, true);
  }
  async u32(): Promise<number> {
    return (await this.view(4)).getUint32(0, true);
  }
  async i32(): Promise<number> {
    return (await this.view(4)).getInt32(0, true);
  }
  async f32(): Promise<number> {
    return (await this.view(4)).getFloat32(0, true);
  }
  async f64(): Promise<number> {
    return (await this.view(8)).getFloat64(0, true);
  }
  async i64(): Promise<bigint> {
    return (await this.view(8)).getBigInt64(0, true);
  }
  /** A 64-bit count or length; one that no file could satisfy is refused here. */
  async u64(): Promise<number> {
    const value = (await this.view(8)).getBigUint64(0, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw corruptGguf(`it names a size of ${value}`);
    return Number(value);
  }

  async string(): Promise<string> {
    const length = await this.u64();
    if (length > this.remaining)
      throw corruptGguf(`it names a text of ${length} bytes where ${this.remaining} are left`);
    return this.decoder.decode(await this.take(length));
  }
}
