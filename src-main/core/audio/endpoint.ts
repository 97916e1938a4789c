/**
 * Where speech begins and ends: a pure decision over voice activity and level, one 32 ms window at a time.
 *
 * A fixed silence timer either cuts people off or makes every answer wait; the detector alone lags the last
 * sound by 60 to 120 ms and calls a door speech. The rule: speech begins after two voiced windows running;
 * a pause needs both signs (the detector fell and the level has been down for 64 ms) or a longer run of the
 * first alone where noise hides the second; a pause is only ever a proposal, which `resume` takes back.
 * Worst case: in loud noise a pause is noticed after 128 ms of unvoiced windows instead of one.
 */

/** One detector window. */
export interface WindowReading {
  /** Probability of speech, 0 … 1. */
  readonly probability: number;
  /** Levels of the window's consecutive 8 ms frames in dBFS. */
  readonly framesDb: readonly number[];
  /** Position one past the window's last sample. */
  readonly endSample: number;
}

export interface EndpointConfig {
  readonly windowSamples: number;
  readonly frameSamples: number;
  /** At or above it a window is voiced (Silero's own default). */
  readonly voicedProbability: number;
  /** Voiced windows running that begin (or resume) speech: a click is one. */
  readonly onsetWindows: number;
  /** Level down for this long, and one unvoiced window, is a pause. */
  readonly pauseQuietSamples: number;
  /** Unvoiced windows that are a pause whatever the level says. */
  readonly pauseWindows: number;
  /** Level down for this long is a good moment to look at the words so far. */
  readonly dipQuietSamples: number;
}

/**
 * For Silero at 16 kHz. On our 17 recordings the first unvoiced window ends 30–120 ms after the last loud
 * frame; asking for more of them only adds their length, as the pauses inside sentences are longer than four
 * (2026-11-23).
 */
export const endpointDefaults: EndpointConfig = {
  windowSamples: 512,
  frameSamples: 128,
  voicedProbability: 0.5,
  onsetWindows: 2,
  pauseQuietSamples: 1024,
  pauseWindows: 4,
  dipQuietSamples: 640,
};

export interface EndpointState {
  readonly phase: 'idle' | 'speech' | 'pause';
  /** Consecutive voiced and unvoiced windows up to now; one of them is 0. */
  readonly voicedRun: number;
  readonly unvoicedRun: number;
  /** End of the last voiced window. */
  readonly voicedEnd: number;
  /** End of the last frame that stood out of the background. */
  readonly loudEnd: number;
  readonly noiseDb: number;
  readonly speechDb: number;
  /** While paused: where speech ended. A click in the pause (the key coming up) does not move it. */
  readonly pausedAt: number | undefined;
  /** A `dip` was already given for this quiet stretch. */
  readonly dipped: boolean;
}

export type EndpointEvent =
  | { readonly kind: 'onset'; readonly startSample: number }
  | { readonly kind: 'dip' }
  | { readonly kind: 'pause'; readonly lastSpeechSample: number }
  | { readonly kind: 'resume'; readonly startSample: number };

export const endpointStart: EndpointState = {
  phase: 'idle',
  voicedRun: 0,
  unvoicedRun: 0,
  voicedEnd: 0,
  loudEnd: 0,
  noiseDb: -70,
  speechDb: -60,
  pausedAt: undefined,
  dipped: false,
};

/** Speech sounds lie within about 33 dB of the loudest vowel; the closing fricatives are the lowest of them. */
const speechRangeDb = 33;
/** A frame this far above the background stands out of it. */
const aboveNoiseDb = 6;
/** The background is never taken to be closer than this below speech, or speech would drown in itself. */
const minContrastDb = 12;
/** The detector lags the sound, but never by more than this (measured: 130 ms). */
const maxLagSamples = 2560;
/** The loudest level fades by 6 dB a second, so that one bang does not make all later speech quiet. */
const speechDecayDbPerFrame = 0.05;

/** Advances by one window. Windows must be consecutive. */
export function stepEndpoint(
  state: EndpointState,
  reading: WindowReading,
  config: EndpointConfig = endpointDefaults,
): { readonly state: EndpointState; readonly events: readonly EndpointEvent[] } {
  const voiced = reading.probability >= config.voicedProbability;
  const heard = trackLevels(state, reading, voiced, config);
  const tracked: EndpointState = {
    ...heard,
    voicedRun: voiced ? state.voicedRun + 1 : 0,
    unvoicedRun: voiced ? 0 : state.unvoicedRun + 1,
    voicedEnd: voiced ? reading.endSample : state.voicedEnd,
  };
  if (tracked.phase !== 'speech') return mayBegin(tracked, reading, config);
  return mayPause(tracked, reading, config);
}

/** Position one past the last speech sample as known now: the last loud frame, within the detector's lag. */
export function lastSpeechSample(state: EndpointState): number {
  if (state.pausedAt !== undefined) return state.pausedAt;
  return Math.max(Math.min(state.loudEnd, state.voicedEnd), state.voicedEnd - maxLagSamples);
}

function mayBegin(state: EndpointState, reading: WindowReading, config: EndpointConfig) {
  if (state.voicedRun < config.onsetWindows) return { state, events: [] };
  const startSample = Math.max(0, reading.endSample - config.onsetWindows * config.windowSamples);
  const kind = state.phase === 'idle' ? 'onset' : 'resume';
  return {
    state: { ...state, phase: 'speech' as const, pausedAt: undefined, dipped: false },
    events: [{ kind, startSample } as const],
  };
}

function mayPause(state: EndpointState, reading: WindowReading, config: EndpointConfig) {
  const quietSamples = reading.endSample - state.loudEnd;
  const bothSigns = state.unvoicedRun >= 1 && quietSamples >= config.pauseQuietSamples;
  if (bothSigns || state.unvoicedRun >= config.pauseWindows) {
    const pausedAt = lastSpeechSample(state);
    return {
      state: { ...state, phase: 'pause' as const, pausedAt, dipped: true },
      events: [{ kind: 'pause', lastSpeechSample: pausedAt } as const],
    };
  }
  const dips = quietSamples >= config.dipQuietSamples;
  const events: readonly EndpointEvent[] = dips && !state.dipped ? [{ kind: 'dip' }] : [];
  return { state: { ...state, dipped: dips }, events };
}

/** Follows background and speech level frame by frame, and with them where the last loud frame ended. */
function trackLevels(
  state: EndpointState,
  reading: WindowReading,
  voiced: boolean,
  config: EndpointConfig,
): EndpointState {
  let { noiseDb, speechDb, loudEnd } = state;
  let end = reading.endSample - reading.framesDb.length * config.frameSamples;
  for (const db of reading.framesDb) {
    end += config.frameSamples;
    speechDb = Math.max(speechDb - speechDecayDbPerFrame, voiced ? db : -60);
    if (db < noiseDb) noiseDb = db;
    // Slow while someone speaks, quick where nobody does.
    else noiseDb += voiced ? 0.02 : 0.1 * (db - noiseDb);
    const threshold = Math.min(
      Math.max(noiseDb + aboveNoiseDb, speechDb - speechRangeDb),
      speechDb - minContrastDb,
    );
    if (db > threshold) loudEnd = end;
  }
  return { ...state, noiseDb, speechDb, loudEnd };
}
