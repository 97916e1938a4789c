/** The JSON beside a Piper voice, checked: what is missing is said, not met later as NaN. */
import { SottoError } from '../../contract/errors.ts';

export interface PiperConfig {
  readonly rateHz: number;
  readonly espeakVoice: string;
  readonly phonemeIds: ReadonlyMap<string, readonly number[]>;
  readonly noiseScale: number;
  readonly lengthScale: number;
  readonly noiseW: number;
  /** Names in the order of their index; empty for a single speaker. */
  readonly speakers: readonly string[];
}

type Json = { readonly [key: string]: unknown };

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const number = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : fallback;

/** Parses the .onnx.json of a voice. Throws model-corrupt or unsupported-model. */
export function parsePiperConfig(json: string): PiperConfig {
  let root: unknown;
  try {
    root = JSON.parse(json);
  } catch (cause) {
    throw corrupt('is not JSON', cause);
  }
  if (!isObject(root)) throw corrupt('is not a JSON object');
  const audio = isObject(root.audio) ? root.audio : {};
  const espeak = isObject(root.espeak) ? root.espeak : {};
  const inference = isObject(root.inference) ? root.inference : {};
  const rateHz = number(audio.sample_rate, 0);
  if (rateHz < 8000 || rateHz > 96_000) throw corrupt('names no sample rate');
  if (root.phoneme_type !== undefined && root.phoneme_type !== 'espeak') {
    throw new SottoError(
      `This voice wants phonemes of type "${String(root.phoneme_type).slice(0, 40)}"; Sotto speaks voices of type "espeak". Choose another voice.`,
      { code: 'unsupported-model', stage: 'tts' },
    );
  }
  if (typeof espeak.voice !== 'string') throw corrupt('names no espeak voice');
  if (!isObject(root.phoneme_id_map)) throw corrupt('holds no phoneme_id_map');
  const phonemeIds = new Map<string, readonly number[]>();
  for (const [phoneme, ids] of Object.entries(root.phoneme_id_map)) {
    if (!Array.isArray(ids) || !ids.every((id) => Number.isInteger(id)))
      throw corrupt('has a broken phoneme_id_map');
    phonemeIds.set(phoneme, ids as readonly number[]);
  }
  for (const mark of ['^', '_', '$'])
    if (!phonemeIds.has(mark)) throw corrupt(`has no "${mark}" in phoneme_id_map`);
  return {
    rateHz,
    espeakVoice: espeak.voice,
    phonemeIds,
    noiseScale: number(inference.noise_scale, 0.667),
    lengthScale: number(inference.length_scale, 1),
    noiseW: number(inference.noise_w, 0.8),
    speakers: speakersOf(root),
  };
}

function speakersOf(root: Json): readonly string[] {
  const count = number(root.num_speakers, 1);
  if (count <= 1) return [];
  const names = Array.from({ length: Math.min(count, 10_000) }, (_, i) => String(i));
  if (isObject(root.speaker_id_map)) {
    for (const [name, id] of Object.entries(root.speaker_id_map)) {
      if (typeof id === 'number' && id >= 0 && id < names.length) names[id] = name;
    }
  }
  return names;
}

/** Index of the speaker asked for. Throws bad-argument with the names there are. */
export function speakerIndex(config: PiperConfig, speaker: number | string | undefined): number {
  if (speaker === undefined) return 0;
  const count = Math.max(1, config.speakers.length);
  const byName = typeof speaker === 'string' ? config.speakers.indexOf(speaker) : -1;
  const index = byName >= 0 ? byName : Number(speaker === '' ? Number.NaN : speaker);
  if (Number.isInteger(index) && index >= 0 && index < count) return index;
  const names = config.speakers.slice(0, 20).join(', ');
  const more = config.speakers.length > 20 ? `, and ${config.speakers.length - 20} more` : '';
  throw new SottoError(
    names === ''
      ? 'This voice has one speaker only; leave the speaker out.'
      : `This voice has no such speaker. It has: ${names}${more} (or an index from 0 to ${count - 1}).`,
    { code: 'bad-argument', stage: 'tts' },
  );
}

function corrupt(what: string, cause?: unknown): SottoError {
  return new SottoError(
    `The voice's configuration (.onnx.json) ${what}. Fetch the voice again with "sotto models pull".`,
    { code: 'model-corrupt', stage: 'tts', cause },
  );
}
