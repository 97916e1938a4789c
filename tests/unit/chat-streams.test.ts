import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createThinkingFilter } from '../../src-main/core/text/hideThinking.ts';
import { createStopFilter } from '../../src-main/core/text/stopStrings.ts';
import { createUtf8Stream } from '../../src-main/core/text/utf8Stream.ts';

/** Cuts a sequence at the given places. */
function cut<T extends { length: number; slice(from: number, to?: number): T }>(
  whole: T,
  places: readonly number[],
): T[] {
  const at = [0, ...places.map((place) => place % (whole.length + 1)), whole.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => whole.slice(at[i] as number, end));
}
const LONE_SURROGATE = /\p{Cs}/u;
const places = fc.array(fc.nat(200), { maxLength: 30 });

describe('bytes to text', () => {
  it('gives the same text however the bytes are cut, and never a broken character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 40 }), places, (text, at) => {
        const stream = createUtf8Stream();
        const out = cut(new TextEncoder().encode(text), at).map((piece) => stream.push(piece));
        out.push(stream.flush());
        expect(out.join('')).toBe(text);
        expect(out.every((piece) => !LONE_SURROGATE.test(piece))).toBe(true);
      }),
      { seed: 2 },
    );
  });

  it('holds a family together', () => {
    const stream = createUtf8Stream();
    const out = [...new TextEncoder().encode('a👨‍👩‍👧b')].map((byte) => stream.push(Uint8Array.of(byte)));
    expect(out.filter((piece) => piece !== '')).toEqual(['a', '👨‍👩‍👧b']);
  });

  it('marks what was never finished', () => {
    const stream = createUtf8Stream();
    expect(stream.push(Uint8Array.of(0xe2, 0x82))).toBe('');
    expect(stream.flush()).toBe('\ufffd');
  });
});

describe('stop strings', () => {
  it('let through what comes before the first of them, however the text is cut', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'ab', 'END', 'EN', 'STOP', ' '), { maxLength: 20 });
    fc.assert(
      fc.property(text, places, (parts, at) => {
        const whole = parts.join('');
        const filter = createStopFilter(['END', 'STOP', 'abab', '']);
        let out = '';
        let stopped = false;
        for (const piece of cut(whole, at)) {
          const passed = filter.push(piece);
          out += passed.text;
          stopped = passed.stopped;
        }
        out += filter.flush();
        // By the end that is reached first, as a stream sees it.
        const found = ['END', 'STOP', 'abab']
          .map((stop) => whole.indexOf(stop))
          .filter((index) => index >= 0);
        expect(stopped).toBe(found.length > 0);
        expect(out).toBe(found.length > 0 ? whole.slice(0, Math.min(...found)) : whole);
      }),
      { seed: 3 },
    );
  });

  it('keep nothing back that cannot be one', () => {
    const filter = createStopFilter(['\n\n']);
    expect(filter.push('Hello\n')).toEqual({ text: 'Hello', stopped: false });
    expect(filter.push('there')).toEqual({ text: '\nthere', stopped: false });
  });
});

describe('thinking', () => {
  it.each([
    ['<think>secret</think>\n\nHello', 'Hello'],
    ['Hi <think>a</think>there <think>b</think>you', 'Hi there you'],
    ['no tags, a < b', 'no tags, a < b'],
    ['<think>never closed', ''],
    ['a <thin', 'a <thin'],
    ['x > y <think>z</think>w', 'x > y w'],
  ])('is dropped however the text is cut: %s', (whole, expected) => {
    fc.assert(
      fc.property(places, (at) => {
        const filter = createThinkingFilter();
        const out = cut(whole, at).map((piece) => filter.push(piece));
        expect(out.join('') + filter.flush()).toBe(expected);
      }),
      { seed: 4 },
    );
  });
});
