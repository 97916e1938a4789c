import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTranscript, timeCode } from '../../src-main/cli/transcriptFormat.ts';
import { createAsyncQueue } from '../../src-main/core/asyncQueue.ts';
import { createLedger, percentile, renderWaterfall, span } from '../../src-main/core/ledger.ts';
import { heardText } from '../../src-main/core/turn/heard.ts';
import { nextTurnState, type TurnEvent, type TurnState } from '../../src-main/core/turn/turnState.ts';

describe('ledger', () => {
  it('counts from key down, and the first mark of a name stands', () => {
    const ledger = createLedger(1000);
    ledger.mark('keyUp', 1500);
    ledger.mark('keyUp', 1900);
    ledger.mark('firstAudible', 1620.04);
    expect(ledger.marks()).toEqual({ keyDown: 0, keyUp: 500, firstAudible: 620 });
    expect(span(ledger.marks(), 'keyUp', 'firstAudible')).toBe(120);
    expect(span(ledger.marks(), 'lastSpeech', 'firstAudible')).toBeNull();
  });

  it('draws what happened in its order with the headline figures', () => {
    const text = renderWaterfall({ keyDown: 0, lastSpeech: 900, keyUp: 1100, firstAudible: 1250 });
    const titles = text.split('\n').map((line) => line.trim().split(/\s{2,}/)[0]);
    expect(titles.slice(0, 4)).toEqual(['key down', 'last speech sample', 'key up', 'first audible sample']);
    expect(text).toContain('key up → first audible sample: 150 ms');
    expect(text).toContain('last speech sample → first audible sample: 350 ms');
  });

  it('takes the nearest rank as percentile', () => {
    const values = [5, 1, 4, 2, 3];
    expect([percentile(values, 0.5), percentile(values, 0.95), percentile([7], 0.95)]).toEqual([3, 5, 7]);
    expect(percentile([], 0.5)).toBeNaN();
  });
});

describe('heard text', () => {
  const words = [
    { text: 'Hi', start: 0, end: 2, startSample: 0, endSample: 100 },
    { text: 'you', start: 3, end: 6, startSample: 100, endSample: 250 },
  ];
  it.each([
    [0, '', 'Hi you.'],
    [99, '', 'Hi you.'],
    [100, 'Hi', ' you.'],
    [249, 'Hi', ' you.'],
    [250, 'Hi you', '.'],
  ])('after %i samples', (played, heard, unheard) => {
    expect(heardText('Hi you.', words, played, false)).toEqual({ heard, unheard });
  });
  it('is all of it when all was played', () => {
    expect(heardText('Hi you.', words, 0, true)).toEqual({ heard: 'Hi you.', unheard: '' });
  });
});

describe('turn state', () => {
  const states: TurnState[] = ['listening', 'thinking', 'speaking', 'done', 'interrupted', 'failed'];
  const events: TurnEvent[] = ['released', 'firstAudible', 'finished', 'interrupted', 'failed'];
  it('follows a turn', () => {
    const path = (['released', 'firstAudible', 'finished'] as const).reduce<TurnState[]>(
      (seen, event) => [...seen, nextTurnState(seen.at(-1) as TurnState, event)],
      ['listening'],
    );
    expect(path).toEqual(['listening', 'thinking', 'speaking', 'done']);
  });
  it('never leaves an end', () => {
    fc.assert(
      fc.property(fc.constantFrom(...states), fc.array(fc.constantFrom(...events)), (start, sequence) => {
        const isOver = (state: TurnState): boolean => ['done', 'interrupted', 'failed'].includes(state);
        let state = start;
        for (const event of sequence) {
          const next = nextTurnState(state, event);
          if (isOver(state)) expect(next).toBe(state);
          state = next;
        }
      }),
    );
  });
});

describe('transcripts on paper', () => {
  const transcript = {
    file: 'a.wav',
    text: 'One. Two.',
    segments: [
      { startMs: 0, endMs: 1500, text: 'One.' },
      { startMs: 3_661_001, endMs: 3_662_000, text: 'Two --> three.' },
    ],
  };
  it('writes hours and the format’s decimal mark', () => {
    expect([timeCode(3_661_001, ','), timeCode(59_999.6, '.')]).toEqual(['01:01:01,001', '00:01:00.000']);
  });
  it('as SubRip', () => {
    expect(formatTranscript('srt', transcript)).toBe(
      '1\n00:00:00,000 --> 00:00:01,500\nOne.\n\n2\n01:01:01,001 --> 01:01:02,000\nTwo --> three.\n',
    );
  });
  it('as WebVTT, where an arrow in the text would end a cue', () => {
    expect(formatTranscript('vtt', transcript)).toBe(
      'WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nOne.\n\n01:01:01.001 --> 01:01:02.000\nTwo → three.\n',
    );
  });
  it('as one JSON object a line', () => {
    expect(JSON.parse(formatTranscript('json', transcript))).toEqual({ ...transcript, language: 'en' });
  });
});

describe('bounded queue', () => {
  it('keeps order, holds the producer back, and ends with the error after what is queued', async () => {
    const queue = createAsyncQueue<number>(2);
    const sent: number[] = [];
    const producing = (async () => {
      for (let i = 0; i < 6; i += 1) {
        await queue.push(i);
        sent.push(i);
      }
      queue.fail(new Error('end'));
    })();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(sent).toEqual([0, 1]);
    const got: number[] = [];
    await expect(
      (async () => {
        for await (const value of queue) got.push(value);
      })(),
    ).rejects.toThrow('end');
    await producing;
    expect(got).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
