/**
 * Reads exact numbers of bytes from a stream of chunks.
 *
 * File formats are told in fields, streams come in chunks that end anywhere. The rule: at most the asked-for
 * bytes are held, and a stream that ends early gives what there is; whether that is an error the format
 * decides. Worst case: `take` copies; `rest` does not.
 */

export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);
  #ended = false;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `count` bytes, or fewer when the stream ends before. */
  async take(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    let missing = count;
    while (missing > 0 && (await this.#fill())) {
      const part = this.#chunk.subarray(0, missing);
      parts.push(part);
      this.#chunk = this.#chunk.subarray(part.length);
      missing -= part.length;
    }
    const out = new Uint8Array(count - missing);
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  /** Passes over `count` bytes; resolves to how many there were. */
  async skip(count: number): Promise<number> {
    let missing = count;
    while (missing > 0 && (await this.#fill())) {
      const passed = Math.min(missing, this.#chunk.length);
      this.#chunk = this.#chunk.subarray(passed);
      missing -= passed;
    }
    return count - missing;
  }

  /** Puts bytes back in front of what comes. */
  unread(bytes: Uint8Array): void {
    const joined = new Uint8Array(bytes.length + this.#chunk.length);
    joined.set(bytes);
    joined.set(this.#chunk, bytes.length);
    this.#chunk = joined;
  }

  /** Everything left, at most `limit` bytes of it, in the chunks it comes in. */
  async *rest(limit = Number.POSITIVE_INFINITY): AsyncGenerator<Uint8Array> {
    let left = limit;
    try {
      while (left > 0 && (await this.#fill())) {
        const part = this.#chunk.subarray(0, Math.min(left, this.#chunk.length));
        this.#chunk = this.#chunk.subarray(part.length);
        left -= part.length;
        yield part;
      }
    } finally {
      await this.close();
    }
  }

  /** Lets go of the source (closes a file). */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#source.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0 && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else this.#chunk = next.value;
    }
    return this.#chunk.length > 0;
  }
}
