/**
 * Recognises while a key is held: decoding goes on as audio arrives, so that the end costs only the tail.
 *
 * Two tasks share the thread, taking turns between model runs: one follows the audio (a few tenths of a
 * millisecond a window), the other decodes. The rule: what the speaker waits for goes first. Cut segments,
 * then the words at a pause (the trial), then the words so far; a decode that no longer matters is left, and
 * what it had found is the draft of the next. A trial is said once for every pause and taken back by
 * `resumed` when speech goes on. Worst case: a pause falls into an encoder run (about 20 ms for 3 s).
 */
import type { AsrEvent, AsrListen, AsrPush, AsrResult, HandlerContext } from '../../contract/leaf.ts';
import { holdCuts } from '../../core/audio/cut.ts';
import type { Moonshine } from './moonshine.ts';
import { type Recognized, recognize } from './recognizer.ts';
import type { SileroVad } from './sileroVad.ts';
import { type SpeechStretch, SpeechTracker, type TrackEvent, tailSamples } from './speechTracker.ts';
import { Transcript } from './transcript.ts';

const perMs = 16;

/** Words so far are looked at no more often than this: a word lasts about 300 ms. */
const minPartialGapSamples = 320 * perMs;
/** … and decoding them takes at most a quarter of the time, or the chat model starves on two cores. */
const maxPartialDuty = 0.25;

/** Resolves after the `end` push; aborting rejects with the signal's reason. */
export async function listenHold(
  model: Moonshine,
  vad: SileroVad,
  input: AsrListen,
  context: HandlerContext<AsrPush, AsrEvent>,
): Promise<AsrResult> {
  const listening = new HeldKey(model, vad, input, context);
  return listening.run();
}

/** A decode of the open segment: it stands for all audio up to `to`. */
interface Latest {
  readonly to: number;
  readonly recognized: Recognized;
}

interface Job {
  readonly kind: 'cut' | 'trial' | 'partial' | 'final';
  readonly stretch: SpeechStretch;
  readonly audio: Float32Array;
}

class HeldKey {
  readonly #model: Moonshine;
  readonly #context: HandlerContext<AsrPush, AsrEvent>;
  readonly #tracker: SpeechTracker;
  readonly #partials: boolean;
  readonly #transcript = new Transcript();
  /** Segments cut off and not yet decoded, oldest first. */
  readonly #cut: { readonly stretch: SpeechStretch; readonly audio: Float32Array }[] = [];
  #latest: Latest | undefined;
  #draft: readonly number[] = [];
  /** The decode in flight covers the open segment up to here. */
  #decodingTo = 0;
  #lookAtWords = false;
  #partialTo = 0;
  #partialCostMs = 0;
  #trialWanted = false;
  #revision = 0;
  #standing: { readonly revision: number; readonly text: string } | undefined;
  #lastSpeech: number | undefined;
  #started = false;
  #ended = false;
  #failed: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(
    model: Moonshine,
    vad: SileroVad,
    input: AsrListen,
    context: HandlerContext<AsrPush, AsrEvent>,
  ) {
    this.#model = model;
    this.#context = context;
    this.#partials = input.partials ?? true;
    this.#tracker = new SpeechTracker(vad.stream(), holdCuts, context.signal);
  }

  async run(): Promise<AsrResult> {
    const { signal } = this.#context;
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake, { once: true });
    const follow = this.#follow().catch((error: unknown) => {
      this.#failed ??= { error };
      this.#wake();
    });
    try {
      await this.#decodeAll();
    } catch (error) {
      this.#failed ??= { error };
      throw error;
    } finally {
      signal.removeEventListener('abort', wake);
    }
    await follow;
    const confirms = this.#standing;
    const text = this.#transcript.textWith('');
    return {
      text,
      segments: this.#transcript.segments,
      lastSpeechMs: text === '' || this.#lastSpeech === undefined ? null : this.#lastSpeech / perMs,
      audioMs: this.#tracker.receivedSamples / perMs,
      confirmsTrial: confirms !== undefined && confirms.text === text ? confirms.revision : null,
    };
  }

  async #follow(): Promise<void> {
    const on = (event: TrackEvent): void => this.#onTrack(event);
    for await (const push of this.#context.pushes) {
      if (push.kind === 'end') break;
      await this.#tracker.push(push.pcm, on);
      if (this.#failed !== undefined) return;
      this.#wake();
    }
    this.#context.signal.throwIfAborted();
    await this.#tracker.finish(on);
    this.#ended = true;
    this.#wake();
  }

  #onTrack(event: TrackEvent): void {
    switch (event.kind) {
      case 'onset':
        if (!this.#started) {
          this.#context.emit({ kind: 'speechStarted', atMs: Math.round(event.startSample / perMs) });
        }
        this.#started = true;
        this.#takeBack();
        break;
      case 'resume':
        this.#takeBack();
        break;
      case 'dip':
        this.#lookAtWords = true;
        break;
      case 'pause':
        this.#trialWanted = true;
        break;
      case 'cut':
        this.#cut.push(event);
        break;
    }
    this.#wake();
  }

  #takeBack(): void {
    this.#trialWanted = false;
    if (this.#standing === undefined) return;
    this.#context.emit({ kind: 'resumed', revision: this.#standing.revision });
    this.#standing = undefined;
  }

  async #decodeAll(): Promise<void> {
    for (;;) {
      this.#context.signal.throwIfAborted();
      if (this.#failed !== undefined) throw this.#failed.error;
      const job = this.#nextJob();
      if (job !== undefined) await this.#decode(job);
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #nextJob(): Job | undefined {
    const cut = this.#cut.shift();
    if (cut !== undefined) return { kind: 'cut', ...cut };
    const open = this.#tracker.open;
    if (this.#ended) {
      const rest = this.#tracker.closeOpen();
      return rest === undefined ? undefined : { kind: 'final', ...rest };
    }
    if (open === undefined) return undefined;
    if (this.#trialWanted) {
      // However late it is looked at, a pause is decoded as the end would be, so that the end can confirm it.
      const to = Math.min(open.to, open.speechEnd + tailSamples);
      return { kind: 'trial', stretch: { ...open, to }, audio: this.#tracker.audio(open.from, to) };
    }
    if (!this.#partialDue(open)) return undefined;
    return { kind: 'partial', stretch: open, audio: this.#tracker.audio(open.from, open.to) };
  }

  #partialDue(open: SpeechStretch): boolean {
    if (this.#tracker.phase !== 'speech') return false;
    const gapSamples = open.to - Math.max(this.#partialTo, open.speechStart);
    const restSamples = (this.#partialCostMs * perMs) / maxPartialDuty;
    if (this.#lookAtWords) return gapSamples >= minPartialGapSamples / 4;
    return gapSamples >= Math.max(minPartialGapSamples, restSamples);
  }

  async #decode(job: Job): Promise<void> {
    const done = this.#settled(job);
    const recognized = done ?? (await this.#recognize(job));
    if (recognized.finish === 'superseded') return;
    switch (job.kind) {
      case 'cut':
      case 'final':
        this.#settle(job.stretch, recognized);
        // The pause was long enough to end the segment before its words were proposed.
        if (job.kind === 'cut' && this.#tracker.open === undefined) this.#propose();
        break;
      case 'trial':
        this.#show(recognized);
        if (recognized.heard && this.#trialWanted) this.#lastSpeech = job.stretch.speechEnd;
        this.#propose(recognized.text);
        break;
      case 'partial':
        this.#show(recognized);
        break;
    }
  }

  /** What an earlier decode already knows about this job: it heard all of the speech there is. */
  #settled(job: Job): Recognized | undefined {
    const latest = this.#latest;
    if (job.kind === 'partial' || latest === undefined) return undefined;
    return latest.to >= job.stretch.speechEnd && latest.to <= job.stretch.to ? latest.recognized : undefined;
  }

  async #recognize(job: Job): Promise<Recognized> {
    const startedMs = performance.now();
    this.#decodingTo = job.stretch.to;
    if (job.kind === 'partial') {
      this.#partialTo = job.stretch.to;
      this.#lookAtWords = false;
    }
    const recognized = await recognize(this.#model, job.audio, job.stretch, {
      draft: this.#draft,
      signal: this.#context.signal,
      superseded: () => this.#overtaken(job),
    });
    if (recognized.finish !== 'superseded' || recognized.tokens.length >= this.#draft.length) {
      this.#draft = recognized.tokens;
    }
    if (recognized.finish !== 'superseded') this.#latest = { to: job.stretch.to, recognized };
    if (job.kind === 'partial') this.#partialCostMs = performance.now() - startedMs;
    return recognized;
  }

  /** Whether something more urgent waits that this decode cannot answer. */
  #overtaken(job: Job): boolean {
    if (job.kind !== 'partial') return false;
    if (this.#cut.length > 0 || this.#failed !== undefined) return true;
    if (!this.#trialWanted && !this.#ended) return false;
    return (this.#tracker.open?.speechEnd ?? 0) > this.#decodingTo;
  }

  #show(recognized: Recognized): void {
    if (!recognized.heard) return;
    const text = this.#transcript.partial(recognized.text);
    if (text !== undefined && this.#partials) this.#context.emit({ kind: 'partial', text });
  }

  /** Says the trial with `open` as the words of the open segment, unless speech went on meanwhile. */
  #propose(open = ''): void {
    if (!this.#trialWanted) return;
    this.#trialWanted = false;
    const text = this.#transcript.textWith(open);
    if (text === '' || this.#lastSpeech === undefined) return;
    this.#standing = { revision: ++this.#revision, text };
    const lastSpeechMs = this.#lastSpeech / perMs;
    this.#context.emit({ kind: 'trial', revision: this.#revision, text, lastSpeechMs });
  }

  #settle(stretch: SpeechStretch, recognized: Recognized): void {
    const segment = this.#transcript.settle(recognized.text, stretch.speechStart, stretch.speechEnd);
    this.#latest = undefined;
    this.#draft = [];
    this.#partialTo = 0;
    if (segment === undefined) return;
    this.#lastSpeech = stretch.speechEnd;
    this.#context.emit({ kind: 'segment', segment });
  }
}
