/**
 * Runs Moonshine's decoder: tokens in, scores for the next one out, over a cache kept here.
 *
 * What a run returns is copied by the binding, so a graph that returned its cache would move all of it for
 * every token. The rule: runs return only the new tokens' keys and values, which are written into arrays that
 * the next run uses in place; positions not written yet are masked. About 1.6 ms a token (2 cores, 2026-11-23).
 */
import { type OpenOptions, openSession, type Session, Tensor } from '../runtime/ort.ts';
import { buildDecoder, type DecoderShape, type Embedding } from './moonshineGraph.ts';

const HEADS = 8;
/** Positions the cache grows by: most utterances have fewer tokens than one step. */
const CAPACITY_STEP = 64;
/** Added to the score of what must not be looked at: its share becomes zero. */
const HIDDEN_SCORE = -1e9;

export class MoonshineDecoder {
  readonly #cross: Session;
  readonly #step: Session;
  readonly #shape: DecoderShape;
  readonly #embedding: Embedding;

  private constructor(cross: Session, step: Session, shape: DecoderShape, embedding: Embedding) {
    this.#cross = cross;
    this.#step = step;
    this.#shape = shape;
    this.#embedding = embedding;
  }

  /** Opens the decoder in the bytes of a published `.ort` file. */
  static async open(file: Uint8Array, options: OpenOptions): Promise<MoonshineDecoder> {
    const graphs = buildDecoder(file);
    const cross = await openSession(graphs.cross, options);
    try {
      // A step multiplies one row: a second thread only waits for it, spinning on a core that others need.
      const step = await openSession(graphs.step, { ...options, threads: 1 });
      // The file may go once the sessions stand; of it only the embedding's rows are kept.
      const embedding = { ...graphs.embedding, rows: Uint8Array.from(graphs.embedding.rows) };
      return new MoonshineDecoder(cross, step, graphs.shape, embedding);
    } catch (error) {
      await cross.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#cross.release();
    await this.#step.release();
  }

  /** A decoding over one utterance. @param hidden of the encoder [1, frames, hidden] */
  async begin(hidden: Tensor): Promise<Decoding> {
    return new Decoding(this.#step, this.#shape, this.#embedding, await this.#cross.run({ hidden }));
  }
}

export class Decoding {
  readonly #step: Session;
  readonly #shape: DecoderShape;
  readonly #embedding: Embedding;
  readonly #cross: { readonly [name: string]: Tensor };
  /** [heads, capacity, headSize] by `key_0`, `value_0`, `key_1` … */
  readonly #past = new Map<string, Float32Array>();
  #capacity = 0;
  #length = 0;

  constructor(
    step: Session,
    shape: DecoderShape,
    embedding: Embedding,
    cross: { readonly [name: string]: Tensor },
  ) {
    this.#step = step;
    this.#shape = shape;
    this.#embedding = embedding;
    this.#cross = cross;
    for (let layer = 0; layer < shape.layers; layer++) {
      this.#past.set(`key_${layer}`, new Float32Array(0));
      this.#past.set(`value_${layer}`, new Float32Array(0));
    }
  }

  get vocabulary(): number {
    return this.#shape.vocabulary;
  }

  /** Takes tokens in; returns the scores of what follows each of them [tokens, vocabulary]. */
  async advance(tokens: readonly number[]): Promise<Float32Array> {
    this.#reserve(this.#length + tokens.length);
    const outputs = await this.#step.run(this.#feeds(tokens));
    for (const [name, past] of this.#past) {
      const made = outputs[name]?.data;
      if (made instanceof Float32Array) this.#append(past, made, tokens.length);
    }
    this.#length += tokens.length;
    return outputs.logits?.data as Float32Array;
  }

  /** Forgets all but the first `length` tokens. */
  keep(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  #feeds(tokens: readonly number[]): { [name: string]: Tensor } {
    const { hidden, headSize } = this.#shape;
    const count = tokens.length;
    const positions = BigInt64Array.from(tokens, (_, i) => BigInt(this.#length + i));
    const feeds: { [name: string]: Tensor } = {
      ...this.#cross,
      embeds: new Tensor('float32', this.#embed(tokens), [1, count, hidden]),
      positions: new Tensor('int64', positions, [1, count]),
      mask: new Tensor('float32', this.#mask(count), [count, this.#capacity + count]),
      sizes: new Tensor('int64', BigInt64Array.of(BigInt(this.#capacity), BigInt(count)), [2]),
    };
    for (const [name, past] of this.#past)
      feeds[`past_${name}`] = new Tensor('float32', past, [HEADS, this.#capacity, headSize]);
    return feeds;
  }

  /** [tokens, hidden] */
  #embed(tokens: readonly number[]): Float32Array {
    const { hidden } = this.#shape;
    const { rows, scale, zero } = this.#embedding;
    const out = new Float32Array(tokens.length * hidden);
    tokens.forEach((token, i) => {
      for (let j = 0; j < hidden; j++)
        out[i * hidden + j] = ((rows[token * hidden + j] as number) - zero) * scale;
    });
    return out;
  }

  /** [tokens, capacity + tokens]: what is written, and of the new ones those up to the token itself. */
  #mask(count: number): Float32Array {
    const width = this.#capacity + count;
    const mask = new Float32Array(count * width).fill(HIDDEN_SCORE);
    for (let i = 0; i < count; i++) {
      mask.fill(0, i * width, i * width + this.#length);
      mask.fill(0, i * width + this.#capacity, i * width + this.#capacity + i + 1);
    }
    return mask;
  }

  #reserve(length: number): void {
    if (length <= this.#capacity) return;
    const { headSize } = this.#shape;
    const before = this.#capacity;
    this.#capacity = Math.ceil(length / CAPACITY_STEP) * CAPACITY_STEP;
    for (const [name, past] of this.#past) {
      const grown = new Float32Array(HEADS * this.#capacity * headSize);
      for (let head = 0; head < HEADS; head++) {
        const from = head * before * headSize;
        grown.set(past.subarray(from, from + before * headSize), head * this.#capacity * headSize);
      }
      this.#past.set(name, grown);
    }
  }

  /** @param made [heads, count, headSize] */
  #append(past: Float32Array, made: Float32Array, count: number): void {
    const size = this.#shape.headSize;
    for (let head = 0; head < HEADS; head++) {
      const from = head * count * size;
      past.set(made.subarray(from, from + count * size), (head * this.#capacity + this.#length) * size);
    }
  }
}
