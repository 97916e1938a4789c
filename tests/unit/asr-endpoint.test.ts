import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  endsSegment,
  fileCuts,
  holdCuts,
  longestPauseCut,
  quietestCut,
} from '../../src-main/core/audio/cut.ts';
import {
  type EndpointEvent,
  endpointDefaults,
  endpointStart,
  lastSpeechSample,
  stepEndpoint,
} from '../../src-main/core/audio/endpoint.ts';

const window = endpointDefaults.windowSamples;

/** Each window as [probability, level of its four frames]. */
type Script = readonly (readonly [probability: number, db: number | readonly number[]])[];

function run(script: Script) {
  let state = endpointStart;
  const events: (EndpointEvent & { readonly window: number })[] = [];
  for (const [index, [probability, db]] of script.entries()) {
    const framesDb = typeof db === 'number' ? [db, db, db, db] : db;
    const step = stepEndpoint(state, { probability, framesDb, endSample: (index + 1) * window });
    state = step.state;
    events.push(...step.events.map((event) => ({ ...event, window: index })));
  }
  return { state, events };
}

const quiet = (count: number): Script => Array.from({ length: count }, () => [0.02, -75] as const);
const speech = (count: number): Script => Array.from({ length: count }, () => [0.98, -20] as const);

describe('endpointing', () => {
  it('begins with two voiced windows running and dates speech back to the first', () => {
    const { events } = run([...quiet(5), ...speech(4)]);
    expect(events).toEqual([{ kind: 'onset', startSample: 5 * window, window: 6 }]);
  });

  it('takes a click of one window for no speech', () => {
    expect(run([...quiet(5), [0.9, -5], ...quiet(5), [0.9, -5], ...quiet(5)]).events).toEqual([]);
  });

  it('proposes a pause at the first unvoiced window when the level has been down for 64 ms', () => {
    const lag: Script = [
      [0.97, -75],
      [0.8, -75],
      [0.3, -75],
    ];
    const { events } = run([...quiet(3), ...speech(20), ...lag]);
    expect(events.filter(({ kind }) => kind !== 'dip')).toEqual([
      { kind: 'onset', startSample: 3 * window, window: 4 },
      { kind: 'pause', lastSpeechSample: 23 * window, window: 25 },
    ]);
  });

  it('looks at the words as soon as the level is down for 40 ms, once a dip', () => {
    const { events } = run([
      ...quiet(3),
      ...speech(10),
      [0.95, -75],
      [0.95, -75],
      [0.95, -75],
      ...speech(5),
      [0.9, -75],
      [0.9, -75],
    ]);
    expect(events.filter(({ kind }) => kind === 'dip').map((event) => event.window)).toEqual([14, 22]);
  });

  it('does not pause for a stop consonant that the detector holds through', () => {
    const { events } = run([
      ...quiet(3),
      ...speech(10),
      [0.99, -60],
      [0.97, -70],
      [0.98, -60],
      ...speech(10),
    ]);
    expect(events.map(({ kind }) => kind)).not.toContain('pause');
  });

  it('pauses after 128 ms of unvoiced windows where noise hides the silence', () => {
    const fan = (count: number): Script => Array.from({ length: count }, () => [0.05, -24] as const);
    const { events } = run([...fan(40), ...speech(20), ...fan(10)]);
    expect(events.filter(({ kind }) => kind === 'pause')).toMatchObject([{ window: 63 }]);
  });

  it('takes a pause back only for two voiced windows', () => {
    const paused = [...quiet(3), ...speech(10), ...quiet(5)];
    expect(run([...paused, [0.9, -10], ...quiet(3)]).events.at(-1)?.kind).toBe('pause');
    expect(run([...paused, ...speech(2)]).events.at(-1)).toMatchObject({
      kind: 'resume',
      startSample: 18 * window,
    });
  });

  it('keeps where speech ended through a click in the pause', () => {
    const { state } = run([...quiet(3), ...speech(10), ...quiet(5), [0.9, -5], ...quiet(3)]);
    expect(state.phase).toBe('pause');
    expect(lastSpeechSample(state)).toBe(13 * window);
  });

  it('dates the last speech to the last loud frame, not to the late detector', () => {
    const { events } = run([
      ...quiet(3),
      ...speech(10),
      [0.99, [-22, -30, -75, -75]],
      [0.9, -75],
      [0.6, -75],
      [0.1, -75],
    ]);
    expect(events.find(({ kind }) => kind === 'pause')).toMatchObject({
      lastSpeechSample: 13 * window + 256,
    });
  });

  it('keeps its order whatever it hears: onset first, then pause and resume in turn, positions inside the audio', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: -100, max: 0, noNaN: true })),
          {
            maxLength: 120,
          },
        ),
        (script) => {
          const { events, state } = run(script);
          const turns = events.filter(({ kind }) => kind !== 'dip').map(({ kind }) => kind);
          turns.forEach((kind, i) => {
            expect(kind).toBe(i === 0 ? 'onset' : i % 2 === 1 ? 'pause' : 'resume');
          });
          for (const event of events) {
            const at = (event.window + 1) * window;
            if (event.kind === 'pause') expect(event.lastSpeechSample).toBeLessThanOrEqual(at);
            if (event.kind === 'onset' || event.kind === 'resume') expect(event.startSample).toBeLessThan(at);
          }
          expect(lastSpeechSample(state)).toBeLessThanOrEqual(script.length * window);
        },
      ),
    );
  });
});

describe('cutting', () => {
  it.each([
    ['file', fileCuts, 2_000, 1_400, false],
    ['file', fileCuts, 2_000, 1_500, true],
    ['file', fileCuts, 8_000, 440, false],
    ['file', fileCuts, 8_000, 450, true],
    ['file', fileCuts, 15_000, 160, true],
    ['hold', holdCuts, 2_000, 1_500, false],
    ['hold', holdCuts, 2_000, 2_500, true],
    ['hold', holdCuts, 7_000, 900, true],
  ])('%s: %i ms of speech and %i ms of silence: %s', (_mode, config, lengthMs, silenceMs, ends) => {
    expect(endsSegment(lengthMs * 16, silenceMs * 16, config)).toBe(ends);
  });

  it('ends longer segments at pauses that are never longer', () => {
    fc.assert(
      fc.property(fc.nat(18_000), fc.nat(5_000), fc.nat(3_000), (lengthMs, moreMs, silenceMs) => {
        if (endsSegment(lengthMs * 16, silenceMs * 16, fileCuts)) {
          expect(endsSegment((lengthMs + moreMs) * 16, silenceMs * 16, fileCuts)).toBe(true);
        }
      }),
    );
  });

  it('cuts in the middle of the longest pause, the later one of equals', () => {
    const pauses = [
      { start: 100, end: 5_000 }, // too near the beginning
      { start: 40_000, end: 42_000 },
      { start: 80_000, end: 83_000 },
      { start: 120_000, end: 123_000 },
    ];
    expect(longestPauseCut(0, pauses, fileCuts)).toBe(121_500);
    expect(longestPauseCut(0, [], fileCuts)).toBeUndefined();
  });

  it('finds the quietest run', () => {
    const levels = Array.from({ length: 100 }, (_, i) => (i >= 60 && i < 66 ? -50 : -20));
    expect(quietestCut(levels, 1_000, 128, 6)).toBe(1_000 + 63 * 128);
  });
});
