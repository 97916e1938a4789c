/**
 * From a stretch of speech to text that may be shown.
 *
 * A recogniser writes something for every sound: "Thank you." for silence, "you" for a cough. The rule: too
 * little voiced audio, or words the decoder itself does not believe, is nothing. Worst case: a mumbled single
 * word is dropped; it would have been a guess.
 */
import type { Moonshine, TranscribeOptions, Transcription } from './moonshine.ts';
import type { SpeechStretch } from './speechTracker.ts';

/** Digital silence appended to every stretch: with it "clubs," becomes "clubs." (17 clips, 2026-11-23). */
const padSamples = 1_600;

/** Shortest voiced audio that is taken for a word ("no" is about 200 ms). */
const minVoicedSamples = 1_536;

/** Below it the words are guesses. Clean speech lies above -0.35. */
const minMeanLogProb = -1.1;

/** Very short stretches must be surer. */
const surerBelowSamples = 4_096;
const minMeanLogProbShort = -0.8;

export interface Recognized extends Transcription {
  /** False when this is noise rather than speech; `text` is then empty. */
  readonly heard: boolean;
}

/** Decodes the audio of `stretch`. Aborting throws the signal's reason. */
export async function recognize(
  model: Moonshine,
  audio: Float32Array,
  stretch: SpeechStretch,
  options: TranscribeOptions,
): Promise<Recognized> {
  const padded = new Float32Array(audio.length + padSamples);
  padded.set(audio);
  const result = await model.transcribe(padded, options);
  const heard = isSpeech(stretch.voicedSamples, result);
  return { ...result, heard, text: heard ? result.text : '' };
}

export function isSpeech(voicedSamples: number, result: Transcription): boolean {
  if (voicedSamples < minVoicedSamples || !/[\p{L}\p{N}]/u.test(result.text)) return false;
  const floor = voicedSamples < surerBelowSamples ? minMeanLogProbShort : minMeanLogProb;
  return result.meanLogProb >= floor;
}
