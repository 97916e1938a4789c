/**
 * Finds the speech in a stream of audio: blocks of any size in, onsets, pauses and cut segments out.
 *
 * Block sizes differ by device and must not change a transcript. The rule: everything is decided per detector
 * window of 32 ms counted from the first sample, so the same audio gives the same segments however it is
 * sliced; only the open segment and its pre-roll are kept. Memory is constant (under 2 MB) for any length.
 * Worst case: a cut segment's audio is copied once, 18 s of it.
 */
import {
  type CutConfig,
  endsSegment,
  longestPauseCut,
  type Pause,
  quietestCut,
} from '../../core/audio/cut.ts';
import {
  type EndpointState,
  endpointDefaults,
  endpointStart,
  lastSpeechSample,
  stepEndpoint,
} from '../../core/audio/endpoint.ts';
import { rmsDb } from '../../core/audio/level.ts';
import { SampleRing } from '../../core/audio/ring.ts';
import { type VadStream, vadWindowSamples } from './sileroVad.ts';

const perMs = 16;
/** Audio kept from before the onset: the detector needs a window or two, soft consonants more (DESIGN 3.7). */
const preRollSamples = 450 * perMs;
/** Real audio kept after the last speech sample (DESIGN 3.7). */
export const tailSamples = 200 * perMs;
/** The longest open segment, its pre-roll and the longest pause that ends one. */
const ringSamples = 25_000 * perMs;
/** The quietest moment of a segment without pauses is looked for in its last part. */
const quietSearchMs = 6_000;
/** A quiet run of this many 8 ms frames is what lies between two words at least. */
const quietRunFrames = 6;

/** A stretch of audio to be recognised, positions in samples of the recording. */
export interface SpeechStretch {
  /** Audio [from, to) to decode. */
  readonly from: number;
  readonly to: number;
  /** Speech [speechStart, speechEnd) inside it. */
  readonly speechStart: number;
  readonly speechEnd: number;
  /** Samples the detector called speech. */
  readonly voicedSamples: number;
}

export type TrackEvent =
  | { readonly kind: 'onset'; readonly startSample: number }
  | { readonly kind: 'dip' }
  | { readonly kind: 'pause' }
  | { readonly kind: 'resume' }
  /** The open segment is finished; `audio` is its samples [from, to). */
  | { readonly kind: 'cut'; readonly stretch: SpeechStretch; readonly audio: Float32Array };

interface WindowNote {
  readonly end: number;
  readonly voiced: boolean;
  readonly framesDb: readonly number[];
}

export class SpeechTracker {
  readonly #vad: VadStream;
  readonly #cuts: CutConfig;
  readonly #signal: AbortSignal;
  readonly #ring = new SampleRing(ringSamples);
  readonly #window = new Float32Array(vadWindowSamples);
  #filled = 0;
  #endpoint: EndpointState = endpointStart;
  /** First sample that no segment has taken yet. */
  #free = 0;
  #segment: { readonly from: number; readonly speechStart: number } | undefined;
  #pauses: Pause[] = [];
  #notes: WindowNote[] = [];
  #receivedSamples = 0;

  constructor(vad: VadStream, cuts: CutConfig, signal: AbortSignal) {
    this.#vad = vad;
    this.#cuts = cuts;
    this.#signal = signal;
  }

  /** Samples pushed so far. */
  get receivedSamples(): number {
    return this.#receivedSamples;
  }

  get phase(): EndpointState['phase'] {
    return this.#endpoint.phase;
  }

  /** The segment that is being spoken, up to now; undefined between segments. */
  get open(): SpeechStretch | undefined {
    if (this.#segment === undefined) return undefined;
    return this.#stretch(this.#segment, this.#ring.end, lastSpeechSample(this.#endpoint));
  }

  /** Copies audio of the open segment. */
  audio(from: number, to: number): Float32Array {
    return this.#ring.read(from, to);
  }

  /** Takes the next block; what it brings about is handed to `on` in order. Aborting throws its reason. */
  async push(pcm: Float32Array, on: (event: TrackEvent) => Promise<void> | void): Promise<void> {
    this.#receivedSamples += pcm.length;
    let at = 0;
    while (at < pcm.length) {
      const taken = Math.min(pcm.length - at, vadWindowSamples - this.#filled);
      this.#window.set(pcm.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === vadWindowSamples) await this.#windowFull(on);
    }
  }

  /** No more audio: the last part of a window counts too, filled up with silence. */
  async finish(on: (event: TrackEvent) => Promise<void> | void): Promise<void> {
    if (this.#filled === 0) return;
    this.#window.fill(0, this.#filled);
    await this.#windowFull(on);
  }

  /** Ends the open segment here. */
  closeOpen(): { readonly stretch: SpeechStretch; readonly audio: Float32Array } | undefined {
    const segment = this.#segment;
    if (segment === undefined) return undefined;
    const speechEnd = lastSpeechSample(this.#endpoint);
    return this.#cutAt(segment, Math.min(this.#ring.end, speechEnd + tailSamples), speechEnd);
  }

  async #windowFull(on: (event: TrackEvent) => Promise<void> | void): Promise<void> {
    this.#signal.throwIfAborted();
    this.#filled = 0;
    this.#ring.write(this.#window);
    const end = this.#ring.end;
    const framesDb = frameLevels(this.#window);
    const probability = await this.#vad.next(this.#window);
    const before = lastSpeechSample(this.#endpoint);
    const step = stepEndpoint(this.#endpoint, { probability, framesDb, endSample: end });
    this.#endpoint = step.state;
    if (this.#segment !== undefined) this.#notes.push({ end, voiced: step.state.voicedRun > 0, framesDb });
    for (const event of step.events) {
      if (event.kind === 'onset') this.#open(event.startSample, framesDb);
      if (event.kind === 'resume') this.#pauses.push({ start: before, end: event.startSample });
      await on(event.kind === 'onset' ? event : { kind: event.kind });
    }
    const cut = this.#maybeCut();
    if (cut !== undefined) await on({ kind: 'cut', ...cut });
  }

  #open(startSample: number, framesDb: readonly number[]): void {
    this.#segment = {
      from: Math.max(this.#free, startSample - preRollSamples, this.#ring.start),
      speechStart: startSample,
    };
    this.#pauses = [];
    this.#notes = [];
    for (let end = startSample + vadWindowSamples; end <= this.#ring.end; end += vadWindowSamples) {
      this.#notes.push({ end, voiced: true, framesDb });
    }
  }

  #maybeCut(): { readonly stretch: SpeechStretch; readonly audio: Float32Array } | undefined {
    const segment = this.#segment;
    if (segment === undefined) return undefined;
    const now = this.#ring.end;
    if (this.#endpoint.phase === 'pause') {
      const speechEnd = lastSpeechSample(this.#endpoint);
      if (endsSegment(speechEnd - segment.speechStart, now - speechEnd, this.#cuts)) {
        return this.#cutAt(segment, Math.min(now, speechEnd + tailSamples), speechEnd);
      }
    }
    if (now - segment.from < this.#cuts.maxMs * perMs) return undefined;
    const inPause = longestPauseCut(segment.speechStart, this.#pauses, this.#cuts);
    const at = inPause ?? this.#quietest(now);
    const pause = this.#pauses.find(({ start, end }) => start <= at && at <= end);
    return this.#cutAt(segment, at, pause?.start ?? at, pause?.end ?? at);
  }

  #quietest(now: number): number {
    const from = now - quietSearchMs * perMs;
    const notes = this.#notes.filter(({ end }) => end - vadWindowSamples >= from);
    const framesDb = notes.flatMap((note) => note.framesDb);
    const start = (notes[0]?.end ?? now) - vadWindowSamples;
    return quietestCut(framesDb, start, endpointDefaults.frameSamples, quietRunFrames);
  }

  /** Ends the segment at `to`; with `nextSpeech` (a cut while someone speaks) the next one begins there. */
  #cutAt(
    segment: { readonly from: number; readonly speechStart: number },
    to: number,
    speechEnd: number,
    nextSpeech?: number,
  ): { readonly stretch: SpeechStretch; readonly audio: Float32Array } {
    const stretch = this.#stretch(segment, to, Math.min(speechEnd, to));
    const audio = this.#ring.read(segment.from, to);
    this.#free = to;
    this.#segment = nextSpeech === undefined ? undefined : { from: to, speechStart: nextSpeech };
    if (nextSpeech === undefined) {
      this.#notes = [];
      this.#endpoint = { ...this.#endpoint, phase: 'idle', pausedAt: undefined };
    } else {
      this.#notes = this.#notes.filter(({ end }) => end > to);
    }
    this.#pauses = this.#pauses.filter(({ start }) => start > to);
    return { stretch, audio };
  }

  #stretch(
    segment: { readonly from: number; readonly speechStart: number },
    to: number,
    speechEnd: number,
  ): SpeechStretch {
    let voiced = 0;
    for (const note of this.#notes) if (note.voiced && note.end <= to) voiced++;
    return { ...segment, to, speechEnd, voicedSamples: voiced * vadWindowSamples };
  }
}

function frameLevels(window: Float32Array): readonly number[] {
  const { frameSamples } = endpointDefaults;
  const levels: number[] = [];
  for (let at = 0; at + frameSamples <= window.length; at += frameSamples) {
    levels.push(rmsDb(window, at, at + frameSamples));
  }
  return levels;
}
