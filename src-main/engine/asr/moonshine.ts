/**
 * Moonshine speech recognition: one stretch of audio in, tokens out.
 *
 * Decoding is greedy and one token a run, and a session run blocks its thread, so a naive loop makes the end
 * of an utterance wait for everything that was already known. The rule: a caller that has an earlier
 * transcript of the same audio's beginning passes it as `draft`; one decoder run checks all of it at once and
 * only what differs is decoded step by step. The answer does not depend on the draft, only the time does.
 * Worst case: one encoder run (about 6 ms a second of audio) plus 3 ms a token, stoppable between runs.
 *
 * Graph (measured on the tiny-en export): encoder input_values [1, samples], attention_mask [1, samples] ->
 * last_hidden_state [1, frames, 288]; decoder input_ids [1, n], caches [1, 8, t, 36] for each layer and side.
 * The caches over the encoder's output are made by the first decoder run and stay the same afterwards.
 */
import { SottoError } from '../../contract/errors.ts';
import { type OpenOptions, openSession, type Session, Tensor } from '../runtime/ort.ts';
import { loopStart, maxTokens } from './loopGuard.ts';
import { MoonshineTokens, startToken, stopToken } from './moonshineTokens.ts';

export const asrRateHz = 16_000;

/** Shorter audio than this gives the encoder's three convolutions nothing to do; it is padded with silence. */
const minSamples = 4_000;

export interface MoonshineFiles {
  readonly encoder: string;
  readonly decoder: string;
  readonly tokenizer: Uint8Array;
}

export interface Transcription {
  readonly tokens: readonly number[];
  readonly text: string;
  /** Mean natural log of the probability the decoder gave each token, its stop token included. */
  readonly meanLogProb: number;
  /** Why decoding ended: the stop token, the length limit, a loop, or the caller. */
  readonly finish: 'stop' | 'limit' | 'loop' | 'superseded';
}

export interface TranscribeOptions {
  /** Tokens of an earlier transcription of (the beginning of) the same audio. */
  readonly draft?: readonly number[];
  readonly signal?: AbortSignal;
  /** Asked between runs; true stops decoding with `finish: 'superseded'`, keeping the tokens so far. */
  readonly superseded?: () => boolean;
}

interface DecoderNames {
  /** Cache of the decoder's own past: input name -> output name. */
  readonly own: readonly (readonly [string, string])[];
  /** Cache over the encoder's output. */
  readonly cross: readonly (readonly [string, string])[];
  readonly first: readonly string[];
  readonly step: readonly string[];
  readonly heads: number;
  readonly headSize: number;
}

export class Moonshine {
  readonly #encoder: Session;
  readonly #decoder: Session;
  readonly #tokens: MoonshineTokens;
  readonly #names: DecoderNames;
  readonly #first = new Tensor('bool', [false], [1]);
  readonly #later = new Tensor('bool', [true], [1]);
  /** All ones, as long as the longest audio so far; masks are views of it. */
  #ones = new BigInt64Array(0);

  private constructor(encoder: Session, decoder: Session, tokens: MoonshineTokens) {
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#tokens = tokens;
    this.#names = decoderNames(decoder);
  }

  /** Opens the two graphs; rejects with what the runtime says when they are no Moonshine model. */
  static async open(files: MoonshineFiles, options: OpenOptions): Promise<Moonshine> {
    const tokens = MoonshineTokens.parse(files.tokenizer);
    const encoder = await openSession(files.encoder, options);
    try {
      // A step multiplies one row: a second thread only waits for it, spinning on a core that others need
      // (on a busy 2-core machine 8.9 ms a step with two threads, 3.8 with one; 2026-11-23).
      const decoder = await openSession(files.decoder, { ...options, threads: 1 });
      return new Moonshine(encoder, decoder, tokens);
    } catch (error) {
      await encoder.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.release();
  }

  /** Recognises 16 kHz mono audio of up to about 30 s. Aborting throws the signal's reason between two runs. */
  async transcribe(audio: Float32Array, options: TranscribeOptions = {}): Promise<Transcription> {
    options.signal?.throwIfAborted();
    const pcm = padded(audio);
    const mask = this.#mask(pcm.length);
    const encoded = await this.#encoder.run({
      input_values: new Tensor('float32', pcm, [1, pcm.length]),
      attention_mask: mask,
    });
    options.signal?.throwIfAborted();
    const hidden = taken(encoded, 'last_hidden_state'); // [1, frames, 288]
    return this.#decode(hidden, mask, maxTokens(audio.length, asrRateHz), options);
  }

  async #decode(
    hidden: Tensor,
    mask: Tensor,
    limit: number,
    options: TranscribeOptions,
  ): Promise<Transcription> {
    const names = this.#names;
    const draft = (options.draft ?? []).slice(0, limit);
    const empty = new Tensor('float32', new Float32Array(0), [1, names.heads, 0, names.headSize]);
    const feeds: { [name: string]: Tensor } = {
      encoder_hidden_states: hidden,
      encoder_attention_mask: mask,
      use_cache_branch: this.#first,
      input_ids: idTensor([startToken, ...draft]), // [1, 1 + draft]
    };
    for (const [input] of [...names.own, ...names.cross]) feeds[input] = empty;
    let outputs = await this.#decoder.run(feeds, names.first);

    const tokens: number[] = [];
    let next = bestToken(logitsOf(outputs), 0, this.#tokens.size);
    let logProbSum = next.logProb;
    while (tokens.length < draft.length && draft[tokens.length] === next.token) {
      tokens.push(next.token);
      next = bestToken(logitsOf(outputs), tokens.length, this.#tokens.size);
      logProbSum += next.logProb;
    }
    const kept = tokens.length + 1; // positions whose cache is right: the start token and the agreed draft
    for (const [input, output] of names.own) {
      feeds[input] = cacheHead(taken(outputs, output), kept, draft.length + 1);
    }
    for (const [input, output] of names.cross) feeds[input] = taken(outputs, output);
    feeds.use_cache_branch = this.#later;

    let finish: Transcription['finish'] = 'stop';
    while (next.token !== stopToken) {
      options.signal?.throwIfAborted();
      if (options.superseded?.() === true) {
        finish = 'superseded';
        break;
      }
      tokens.push(next.token);
      const cut = loopStart(tokens);
      if (cut !== undefined || tokens.length >= limit) {
        finish = cut === undefined ? 'limit' : 'loop';
        tokens.length = cut ?? tokens.length;
        break;
      }
      feeds.input_ids = idTensor([next.token]);
      outputs = await this.#decoder.run(feeds, names.step);
      for (const [input, output] of names.own) feeds[input] = taken(outputs, output);
      next = bestToken(logitsOf(outputs), 0, this.#tokens.size);
      logProbSum += next.logProb;
    }
    return {
      tokens,
      text: this.#tokens.text(tokens),
      meanLogProb: logProbSum / (tokens.length + 1),
      finish,
    };
  }

  /** int64 ones [1, samples], a view of one array that only grows. */
  #mask(samples: number): Tensor {
    if (this.#ones.length < samples) this.#ones = new BigInt64Array(samples * 2).fill(1n);
    return new Tensor('int64', this.#ones.subarray(0, samples), [1, samples]);
  }
}

/** Reads the cache names and sizes off the graph, so that every size of the family runs. */
function decoderNames(decoder: Session): DecoderNames {
  const own: (readonly [string, string])[] = [];
  const cross: (readonly [string, string])[] = [];
  for (const input of decoder.inputNames) {
    if (!input.startsWith('past_key_values.')) continue;
    const pair = [input, input.replace('past_key_values.', 'present.')] as const;
    (input.includes('.encoder.') ? cross : own).push(pair);
  }
  const needed = ['input_ids', 'encoder_hidden_states', 'encoder_attention_mask', 'use_cache_branch'];
  if (own.length === 0 || needed.some((name) => !decoder.inputNames.includes(name))) {
    throw new SottoError('The recognition model is not a Moonshine decoder with a cache.', {
      code: 'unsupported-model',
      stage: 'asr',
    });
  }
  const outputsOf = (pairs: readonly (readonly [string, string])[]) => pairs.map(([, output]) => output);
  return {
    own,
    cross,
    first: ['logits', ...outputsOf(own), ...outputsOf(cross)],
    step: ['logits', ...outputsOf(own)],
    heads: 8, // both published sizes, tiny and base
    headSize: own.length / 2 > 6 ? 52 : 36, // base has 8 layers of 52, tiny 6 of 36 (model card)
  };
}

function padded(pcm: Float32Array): Float32Array {
  if (pcm.length >= minSamples) return pcm;
  const out = new Float32Array(minSamples);
  out.set(pcm);
  return out;
}

function idTensor(ids: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);
}

function taken(outputs: { readonly [name: string]: Tensor }, name: string): Tensor {
  const tensor = outputs[name];
  if (tensor === undefined) {
    throw new SottoError(`The recognition model has no output "${name}".`, {
      code: 'unsupported-model',
      stage: 'asr',
    });
  }
  return tensor;
}

function logitsOf(outputs: { readonly [name: string]: Tensor }): Float32Array {
  const { data } = taken(outputs, 'logits'); // [1, n, vocabulary]
  if (data instanceof Float32Array) return data;
  throw new SottoError('The recognition model does not return float32 scores.', {
    code: 'unsupported-model',
    stage: 'asr',
  });
}

/** First `kept` of `length` positions of a cache [1, heads, length, headSize]. */
function cacheHead(cache: Tensor, kept: number, length: number): Tensor {
  if (kept === length) return cache;
  const [, heads = 0, , headSize = 0] = cache.dims;
  const source = cache.data;
  if (!(source instanceof Float32Array)) return cache;
  const out = new Float32Array(heads * kept * headSize);
  for (let head = 0; head < heads; head++) {
    const at = head * length * headSize;
    out.set(source.subarray(at, at + kept * headSize), head * kept * headSize);
  }
  return new Tensor('float32', out, [1, heads, kept, headSize]);
}

/** exp(-16) of the best: what lies lower does not change a probability's first six digits. */
const negligibleLogit = 16;

/** Most likely token in row `row` of scores [rows, vocabulary], with its natural log probability. */
function bestToken(
  scores: Float32Array,
  row: number,
  vocabulary: number,
): { token: number; logProb: number } {
  const from = row * vocabulary;
  let token = 0;
  let best = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < vocabulary; i++) {
    const score = scores[from + i] as number;
    if (score > best) {
      best = score;
      token = i;
    }
  }
  let sum = 0;
  const floor = best - negligibleLogit;
  for (let i = 0; i < vocabulary; i++) {
    const score = scores[from + i] as number;
    if (score > floor) sum += Math.exp(score - best);
  }
  return { token, logProb: -Math.log(sum) };
}
