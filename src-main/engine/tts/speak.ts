/**
 * One request: text to clauses to audio, with a sample range for every word of the original text.
 *
 * Without one place that counts samples, trimming, pauses and stretching each shift the highlight. The
 * rule: word ranges are made in samples before stretching, counted as the audio is put out, and mapped once
 * by the stretcher. Worst case: a word that is all silence has an empty range where it would have been.
 */
import type { WordTiming } from '../../contract/domain.ts';
import { SottoError } from '../../contract/errors.ts';
import type { HandlerContext, TtsAudio, TtsResult, TtsSpeak } from '../../contract/leaf.ts';
import { maxSpeed, minSpeed, TimeStretcher } from '../../core/audio/stretch.ts';
import { createClauseSplitter } from '../../core/text/clauses.ts';
import { type SpannedText, sourceSpan } from '../../core/text/spannedText.ts';
import { speakable } from '../../core/text/speakable.ts';
import { toIds } from './phonemeIds.ts';
import type { Phonemizer } from './phonemes.ts';
import type { PiperVoice } from './piper.ts';
import { type PiperConfig, speakerIndex } from './piperConfig.ts';

export interface LoadedVoice {
  readonly config: PiperConfig;
  readonly voice: PiperVoice;
  readonly phonemizer: Phonemizer;
}

/** About -50 dBFS: below it is the voice's breath noise, above it speech. */
const silenceLevel = 0.003;
const keptLeadMs = 10;
/** Pauses as read speech has them after a sentence, and after a clause. */
const sentencePauseMs = 350;
const clausePauseMs = 120;
/** Between two phrases of a clause: a breath, no more. */
const phrasePauseMs = 30;

/** A word in samples before stretching. */
interface PlainWord extends Omit<WordTiming, 'startSample' | 'endSample'> {
  readonly from: number;
  readonly to: number;
}

/** Speaks a text. Throws nothing-to-say, bad-argument, unspeakable-symbol; an abort rethrows its reason. */
export async function speak(
  loaded: LoadedVoice,
  input: TtsSpeak,
  { signal, emit }: Pick<HandlerContext<never, TtsAudio>, 'signal' | 'emit'>,
): Promise<TtsResult> {
  const speed = input.speed ?? 1;
  if (!(speed >= minSpeed && speed <= maxSpeed)) {
    throw new SottoError(`The speed must be between ${minSpeed} and ${maxSpeed}.`, {
      code: 'bad-argument',
      stage: 'tts',
    });
  }
  const speaker = speakerIndex(loaded.config, input.speaker);
  const text = speakable(input.text, loaded.config.espeakVoice);
  const out = new Output(loaded.config.rateHz, speed, emit);
  // Who streams a reply has cut its first clause already; what comes here whole is spoken in whole clauses.
  const splitter = createClauseSplitter({ earlyPhrase: false });
  const clauses = [...splitter.push(text.text), ...splitter.flush()];
  const last = clauses.findLastIndex((clause) => /[\p{L}\p{N}]/u.test(clause.text));
  for (const [i, clause] of clauses.entries()) {
    signal.throwIfAborted();
    const pauseMs = pauseAfter(clause.text, i === last, input.continues === true);
    await speakClause(loaded, text, clause, speaker, pauseMs, out, signal);
    // Lets a cancel message in between clauses.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const result = out.finish();
  if (result.totalSamples === 0) {
    throw new SottoError('There is nothing to say: the text holds no words.', {
      code: 'nothing-to-say',
      stage: 'tts',
    });
  }
  return result;
}

async function speakClause(
  { voice, config, phonemizer }: LoadedVoice,
  source: SpannedText,
  clause: { readonly text: string; readonly start: number },
  speaker: number,
  pauseMs: number,
  out: Output,
  signal: AbortSignal,
): Promise<void> {
  const words = phonemizer.phonemize(clause.text).filter((word) => word.phonemes.length > 0);
  if (!words.some((word) => word.phonemes.some((phoneme) => /\p{L}/u.test(phoneme)))) return;
  const { ids, ranges } = toIds(words, config);
  const { idSamples, chunks } = await voice.speak(ids, speaker, signal);
  const at = [0];
  for (const samples of idSamples) at.push((at.at(-1) ?? 0) + samples);
  const plain = ranges.map((range, i) => {
    const word = words[i];
    const span = sourceSpan(source, clause.start + (word?.from ?? 0), clause.start + (word?.to ?? 0));
    return {
      ...span,
      text: clause.text.slice(word?.from, word?.to),
      from: at[range.from] ?? 0,
      to: at[range.to] ?? 0,
    };
  });
  out.begin(plain);
  for await (const chunk of chunks) {
    out.push(chunk);
    await new Promise((resolve) => setImmediate(resolve));
    signal.throwIfAborted();
  }
  out.end(Math.round((pauseMs * config.rateHz) / 1000));
}

/** The pause a clause's closing mark asks for; a reply that goes on breathes only as between clauses. */
function pauseAfter(text: string, isLast: boolean, continues: boolean): number {
  const isSentence = /[.!?。！？…]["'”’»)\s]*$/.test(text);
  if (isSentence && !(isLast && continues)) return sentencePauseMs;
  const isMarked = isSentence || /[,;:—–،؛，、；：]["'”’»)\s]*$/.test(text);
  return isMarked || !continues ? clausePauseMs : phrasePauseMs;
}

/** Trims, pauses, stretches and counts. */
class Output {
  private readonly stretcher: TimeStretcher | undefined;
  private readonly words: WordTiming[] = [];
  private waiting: PlainWord[] = [];
  /** How many of them, at the end, belong to the clause under way. */
  private pending = 0;
  /** Samples before stretching put out so far, and after. */
  private plainEnd = 0;
  private outEnd = 0;
  /** False while nothing but this clause's leading silence was seen. */
  private started = true;
  /** Samples of this clause seen, its first sample's place, and the place after its last loud one. */
  private seen = 0;
  private origin = 0;
  private loudEnd = 0;

  constructor(
    private readonly rateHz: number,
    speed: number,
    private readonly emit: (event: TtsAudio) => void,
  ) {
    this.stretcher = speed === 1 ? undefined : new TimeStretcher(rateHz, speed);
  }

  begin(words: readonly PlainWord[]): void {
    this.started = false;
    this.seen = 0;
    this.origin = this.plainEnd;
    this.loudEnd = this.plainEnd;
    this.waiting.push(...words);
    this.pending = words.length;
  }

  push(chunk: Float32Array): void {
    if (this.started) {
      this.put(chunk, true);
      return;
    }
    const loud = chunk.findIndex((sample) => Math.abs(sample) > silenceLevel);
    if (loud < 0) {
      this.seen += chunk.length;
      return;
    }
    const from = Math.max(0, loud - Math.round((keptLeadMs * this.rateHz) / 1000));
    this.startAt(this.seen + from);
    this.put(chunk.subarray(from), true);
  }

  /** Silence before `trimmed` was left out: word times count from there. */
  private startAt(trimmed: number): void {
    this.started = true;
    const move = (at: number): number => Math.max(0, at - trimmed) + this.origin;
    const settled = this.waiting.length - this.pending;
    this.waiting = this.waiting.map((word, i) =>
      i < settled ? word : { ...word, from: move(word.from), to: move(word.to) },
    );
  }

  /** Brings the silence at the end of a clause up to the pause. */
  end(pauseSamples: number): void {
    if (!this.started) this.startAt(this.seen);
    const missing = this.loudEnd + pauseSamples - this.plainEnd;
    if (missing > 0) this.put(new Float32Array(missing), false);
  }

  finish(): TtsResult {
    if (this.stretcher !== undefined) this.send(this.stretcher.finish(), true);
    else this.send(new Float32Array(0), true);
    return { totalSamples: this.outEnd, rateHz: this.rateHz, words: this.words };
  }

  private put(pcm: Float32Array, speech: boolean): void {
    if (speech) {
      const loud = pcm.findLastIndex((sample) => Math.abs(sample) > silenceLevel);
      if (loud >= 0) this.loudEnd = this.plainEnd + loud + 1;
    }
    this.plainEnd += pcm.length;
    this.send(this.stretcher === undefined ? pcm.slice() : this.stretcher.push(pcm), false);
  }

  private send(pcm: Float32Array, last: boolean): void {
    this.outEnd += pcm.length;
    const words: WordTiming[] = [];
    for (let word = this.waiting[0]; word !== undefined; word = this.waiting[0]) {
      const endSample = this.place(word.to);
      if (!last && endSample > this.outEnd) break;
      this.waiting.shift();
      const before = this.words.at(-1)?.endSample ?? 0;
      const { start, end, text } = word;
      const startSample = Math.min(this.outEnd, Math.max(before, this.place(word.from)));
      const timing = {
        start,
        end,
        text,
        startSample,
        endSample: Math.max(startSample, Math.min(endSample, this.outEnd)),
      };
      words.push(timing);
      this.words.push(timing);
    }
    if (pcm.length > 0 || words.length > 0) this.emit({ kind: 'audio', pcm, rateHz: this.rateHz, words });
  }

  private place(plain: number): number {
    return this.stretcher === undefined ? Math.round(plain) : this.stretcher.outputAt(plain);
  }
}
