/**
 * Recognises a recording as fast as it comes, one segment after the other.
 *
 * The rule: a block is not taken before the segment it completed is decoded, so that a fast reader is held
 * back (bounded memory) and an hour costs what a minute does.
 */
import type { AsrEvent, AsrListen, AsrPush, AsrResult, HandlerContext } from '../../contract/leaf.ts';
import { fileCuts } from '../../core/audio/cut.ts';
import type { Moonshine } from './moonshine.ts';
import { recognize } from './recognizer.ts';
import type { SileroVad } from './sileroVad.ts';
import { type SpeechStretch, SpeechTracker, type TrackEvent } from './speechTracker.ts';
import { Transcript } from './transcript.ts';

const perMs = 16;
/** How often the caller learns how far we are. */
const consumedEveryMs = 1000;

/** Resolves when the `end` push came and all is settled; aborting rejects with the signal's reason. */
export async function listenFile(
  model: Moonshine,
  vad: SileroVad,
  input: AsrListen,
  context: HandlerContext<AsrPush, AsrEvent>,
): Promise<AsrResult> {
  const { signal } = context;
  const tracker = new SpeechTracker(vad.stream(), fileCuts, signal);
  const transcript = new Transcript();
  let started = false;
  let lastSpeechMs: number | null = null;
  let consumedMs = 0;

  const settle = async (stretch: SpeechStretch, audio: Float32Array): Promise<void> => {
    const result = await recognize(model, audio, stretch, { signal });
    const segment = transcript.settle(result.text, stretch.speechStart, stretch.speechEnd);
    if (segment === undefined) return;
    lastSpeechMs = segment.endMs;
    context.emit({ kind: 'segment', segment });
    if (input.partials === true) context.emit({ kind: 'partial', text: transcript.textWith('') });
  };
  const onEvent = async (event: TrackEvent): Promise<void> => {
    if (event.kind === 'onset' && !started) {
      started = true;
      context.emit({ kind: 'speechStarted', atMs: Math.round(event.startSample / perMs) });
    }
    if (event.kind === 'cut') await settle(event.stretch, event.audio);
  };

  for await (const push of context.pushes) {
    signal.throwIfAborted();
    if (push.kind === 'end') break;
    await tracker.push(push.pcm, onEvent);
    const atMs = tracker.receivedSamples / perMs;
    if (atMs - consumedMs >= consumedEveryMs) {
      consumedMs = atMs;
      context.emit({ kind: 'consumed', atMs });
    }
  }
  signal.throwIfAborted();
  const receivedSamples = tracker.receivedSamples;
  await tracker.finish(onEvent);
  const rest = tracker.closeOpen();
  if (rest !== undefined) await settle(rest.stretch, rest.audio);
  return {
    text: transcript.textWith(''),
    segments: transcript.segments,
    lastSpeechMs,
    audioMs: receivedSamples / perMs,
    confirmsTrial: null,
  };
}
