/**
 * The key/value cache, held outside the graph: one array per layer and side, grown in steps.
 *
 * The arrays are handed to the graph in place, so their capacity is part of the work of every step; growing
 * by a small step keeps that waste under a tenth where it matters (1500 tokens and more).
 */
import type { ArchitectureSpec } from './architectures/spec.ts';

/** Tokens added to the capacity at a time. */
const GROW_TOKENS = 128;

export interface LayerCache {
  /** [kvHeads, capacity, headDim] */
  key: Float32Array;
  value: Float32Array;
}

export class KvCache {
  /** Token ids whose keys and values are held, in order. */
  readonly tokens: number[] = [];
  capacity = 0;
  readonly layers: LayerCache[];
  private readonly kvHeads: number;
  private readonly headDim: number;

  constructor(spec: ArchitectureSpec) {
    this.kvHeads = spec.kvHeads;
    this.headDim = spec.headDim;
    this.layers = Array.from({ length: spec.layers }, () => ({
      key: new Float32Array(0),
      value: new Float32Array(0),
    }));
  }

  get length(): number {
    return this.tokens.length;
  }

  /** Forgets everything after the first `length` tokens. */
  truncate(length: number): void {
    this.tokens.length = Math.min(length, this.tokens.length);
  }

  /** Makes room for `length` tokens. */
  reserve(length: number): void {
    if (length <= this.capacity && this.capacity > 0) return;
    const capacity = Math.ceil(Math.max(length, 1) / GROW_TOKENS) * GROW_TOKENS;
    const used = this.length * this.headDim;
    const grow = (old: Float32Array): Float32Array => {
      const grown = new Float32Array(this.kvHeads * capacity * this.headDim);
      for (let head = 0; head < this.kvHeads; head += 1) {
        const from = head * this.capacity * this.headDim;
        grown.set(old.subarray(from, from + used), head * capacity * this.headDim);
      }
      return grown;
    };
    for (const layer of this.layers) {
      layer.key = grow(layer.key);
      layer.value = grow(layer.value);
    }
    this.capacity = capacity;
  }

  /** Copies one layer's new rows [kvHeads, count, headDim] behind the tokens held; `commit` counts them. */
  append(layer: number, key: Float32Array, value: Float32Array, count: number): void {
    const target = this.layers[layer] as LayerCache;
    const size = count * this.headDim;
    for (let head = 0; head < this.kvHeads; head += 1) {
      const to = (head * this.capacity + this.length) * this.headDim;
      target.key.set(key.subarray(head * size, (head + 1) * size), to);
      target.value.set(value.subarray(head * size, (head + 1) * size), to);
    }
  }

  commit(tokens: readonly number[]): void {
    for (const token of tokens) this.tokens.push(token);
  }
}
