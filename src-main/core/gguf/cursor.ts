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

/** Longest text read: a chat template is some 10 kB; a damaged length must not fetch the whole file. */
const MAX_TEXT_BYTES = 1 << 24;

export function corruptGguf(what: string): SottoError {
  return new SottoError(
    `This GGUF file is damaged: ${what}. Download it again, or check it with the program it came from.`,
    { code: 'model-corrupt', stage: 'chat' },
  );
}

export class GgufCursor {
  position = 0;
  private window = new Uint8Array(0);
  private view = new DataView(new ArrayBuffer(0));
  private windowStart = 0;
  private readonly decoder = new TextDecoder('utf-8');

  constructor(private readonly source: ByteSource) {}

  get remaining(): number {
    return this.source.sizeBytes - this.position;
  }

  /**
   * Sees to it that `length` bytes can be read by the calls below, which do not wait: a header holds a
   * hundred thousand values, and a promise for each would cost more than the file.
   */
  async ensure(length: number): Promise<void> {
    if (length > this.remaining)
      throw corruptGguf(`it ends at byte ${this.source.sizeBytes} in the middle of its header`);
    if (this.has(length)) return;
    const want = Math.min(Math.max(length, WINDOW_BYTES), this.remaining);
    this.window = new Uint8Array(await this.source.read(this.position, want));
    this.view = new DataView(this.window.buffer);
    this.windowStart = this.position;
  }

  /** True when `length` bytes lie in memory already. */
  has(length: number): boolean {
    return this.position + length <= this.windowStart + this.window.length;
  }

  /** Moves on and tells where in the window the bytes were. */
  private step(length: number): number {
    if (!this.has(length)) throw new Error('ensure() comes before a read');
    const from = this.position - this.windowStart;
    this.position += length;
    return from;
  }

  u8(): number {
    return this.view.getUint8(this.step(1));
  }
  i8(): number {
    return this.view.getInt8(this.step(1));
  }
  u16(): number {
    return this.view.getUint16(this.step(2), true);
  }
  i16(): number {
    return this.view.getInt16(this.step(2), true);
  }
  u32(): number {
    return this.view.getUint32(this.step(4), true);
  }
  i32(): number {
    return this.view.getInt32(this.step(4), true);
  }
  f32(): number {
    return this.view.getFloat32(this.step(4), true);
  }
  f64(): number {
    return this.view.getFloat64(this.step(8), true);
  }
  i64(): bigint {
    return this.view.getBigInt64(this.step(8), true);
  }
  /** A 64-bit count or length; one that no file could satisfy is refused here. */
  u64(): number {
    const low = this.view.getUint32(this.step(4), true);
    const value = this.view.getUint32(this.step(4), true) * 0x1_0000_0000 + low;
    if (value > Number.MAX_SAFE_INTEGER) throw corruptGguf(`it names a size of ${value}`);
    return value;
  }
  text(length: number): string {
    const from = this.step(length);
    return this.decoder.decode(this.window.subarray(from, from + length));
  }

  async string(): Promise<string> {
    if (!this.has(8)) await this.ensure(8);
    const length = this.u64();
    if (length > this.remaining || length > MAX_TEXT_BYTES)
      throw corruptGguf(`it names a text of ${length} bytes where ${this.remaining} are left`);
    if (!this.has(length)) await this.ensure(length);
    return this.text(length);
  }

  /** The next string when it lies in memory whole; null, and nothing moved, otherwise. */
  stringInMemory(): string | null {
    if (!this.has(8)) return null;
    const start = this.position;
    const length = this.u64();
    if (this.has(length)) return this.text(length);
    this.position = start;
    return null;
  }
}
