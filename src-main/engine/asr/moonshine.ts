/**
 * Moonshine speech recognition: one stretch of audio in, tokens out.
 *
 * Decoding is greedy and one token a run, and a session run blocks its thread, so a naive loop makes the end
 * of an utterance wait for everything that was already known. The rule: a caller that has an earlier
 * transcript of the same audio's beginning passes it as `draft`; one decoder run checks all of it at once and
 * only what differs is decoded step by step. The answer does not depend on the draft, only the time does.
 * Worst case: one encoder run (about 5 ms a second of audio) plus 1.6 ms a token, stoppable between runs.
 *
 * Encoder (the published tiny-en export): input_values [1, samples], attention_mask [1, samples] ->
 * last_hidden_state [1, frames, 288]. The decoder is moonshineDecoder.ts.
 */
import { readFile } from 'node:fs/promises';
import { SottoError } from '../../contract/errors.ts';
import { type OpenOptions, openSession, type Session, Tensor } from '../runtime/ort.ts';
import { loopStart, maxTokens } from './loopGuard.ts';
import { MoonshineDecoder } from './moonshineDecoder.ts';
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

export class Moonshine {
  readonly #encoder: Session;
  readonly #decoder: MoonshineDecoder;
  readonly #tokens: MoonshineTokens;
  /** All ones, as long as the longest audio so far; masks are views of it. */
  #ones = new BigInt64Array(0);

  private constructor(encoder: Session, decoder: MoonshineDecoder, tokens: MoonshineTokens) {
    this.#encoder = encoder;
    this.#decoder = decoder;
    this.#tokens = tokens;
  }

  /** Opens the two graphs; rejects with what the runtime says when they are no Moonshine model. */
  static async open(files: MoonshineFiles, options: OpenOptions): Promise<Moonshine> {
    const tokens = MoonshineTokens.parse(files.tokenizer);
    const encoder = await openSession(files.encoder, options);
    try {
      const decoder = await MoonshineDecoder.open(await readFile(files.decoder), options);
      return new Moonshine(encoder, decoder, tokens);
    } catch (error) {
      await encoder.release();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#encoder.release();
    await this.#decoder.close();
  }

  /** Recognises 16 kHz mono audio of up to about 30 s. Aborting throws the signal's reason between two runs. */
  async transcribe(audio: Float32Array, options: TranscribeOptions = {}): Promise<Transcription> {
    options.signal?.throwIfAborted();
    const pcm = padded(audio);
    const encoded = await this.#encoder.run({
      input_values: new Tensor('float32', pcm, [1, pcm.length]),
      attention_mask: this.#mask(pcm.length),
    });
    options.signal?.throwIfAborted();
    const hidden = taken(encoded, 'last_hidden_state'); // [1, frames, 288]
    return this.#decode(hidden, maxTokens(audio.length, asrRateHz), options);
  }

  async #decode(hidden: Tensor, limit: number, options: TranscribeOptions): Promise<Transcription> {
    const draft = (options.draft ?? []).slice(0, limit);
    const decoding = await this.#decoder.begin(hidden);
    let scores = await decoding.advance([startToken, ...draft]);

    const tokens: number[] = [];
    let next = bestToken(scores, 0, this.#tokens.size);
    let logProbSum = next.logProb;
    while (tokens.length < draft.length && draft[tokens.length] === next.token) {
      tokens.push(next.token);
      next = bestToken(scores, tokens.length, this.#tokens.size);
      logProbSum += next.logProb;
    }
    decoding.keep(tokens.length + 1); // the start token and the agreed draft

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
      scores = await decoding.advance([next.token]);
      next = bestToken(scores, 0, this.#tokens.size);
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

function padded(pcm: Float32Array): Float32Array {
  if (pcm.length >= minSamples) return pcm;
  const out = new Float32Array(minSamples);
  out.set(pcm);
  return out;
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
