import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClauseSplitter } from '../../src-main/core/text/clauses.ts';
import { speakable } from '../../src-main/core/text/speakable.ts';

function split(parts: readonly string[]) {
  const splitter = createClauseSplitter();
  return [...parts.flatMap((part) => splitter.push(part)), ...splitter.flush()];
}

describe('clauses', () => {
  it('joined are exactly the text, with right offsets, however it is streamed', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('Dr. ', '3.14', '. ', ', ', '。', '\n', '"'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (parts) => {
        const text = parts.join('');
        const clauses = split(parts);
        expect(clauses.map((clause) => clause.text).join('')).toBe(text);
        for (const clause of clauses) expect(text.slice(clause.start, clause.end)).toBe(clause.text);
      }),
    );
  });

  it('ends a long first clause before a joining word, only the first, only when asked to', () => {
    const text =
      'Photosynthesis is the process plants use and it needs light. It is the process plants use and needs light.';
    const clausesOf = (options: { earlyPhrase?: boolean }): string[] => {
      const splitter = createClauseSplitter(options);
      return [...splitter.push(text), ...splitter.flush()].map((clause) => clause.text.trim());
    };
    expect(clausesOf({})).toEqual([
      'Photosynthesis is the process plants use',
      'and it needs light.',
      'It is the process plants use and needs light.',
    ]);
    expect(clausesOf({ earlyPhrase: false })).toHaveLength(2);
  });

  it('gives the first clause at its comma and later ones by sentence', () => {
    expect(
      split(['Well, the river, ', 'as Dr. Smith says, is 3.14 km, e.g. wide. Yes.']).map(({ text }) => text),
    ).toEqual(['Well, the river, ', 'as Dr. Smith says, is 3.14 km, e.g. wide. ', 'Yes.']);
  });

  it('bounds text without a space', () => {
    for (const clause of split(['x'.repeat(100_000)])) expect(clause.text.length).toBeLessThanOrEqual(240);
  });
});

describe('speakable', () => {
  it.each([
    ['# Title\n\nSome **bold** text', 'Title.\nSome bold text'],
    ['see [the page](https://a.example/x) 😀', 'see the page  '],
    ['https://www.example.com/a?b.', 'example dot com.'],
    ['me@example.com', 'me at example dot com'],
  ])('%j', (text, spoken) => {
    expect(speakable(text).text).toBe(spoken);
  });

  it('keeps spans ordered and inside the source', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('**', '`', '[a](b)', '\n', '# ', '|', '😀', 'e.g. '),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (parts) => {
        const text = parts.join('');
        const out = speakable(text);
        expect(out.starts.length).toBe(out.text.length);
        out.starts.forEach((start, i) => {
          expect(start).toBeGreaterThanOrEqual(out.starts[i - 1] ?? 0);
          expect(out.ends[i]).toBeGreaterThanOrEqual(start);
          expect(out.ends[i]).toBeLessThanOrEqual(text.length);
        });
      }),
    );
  });
});
