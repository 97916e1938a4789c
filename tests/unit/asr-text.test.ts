import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GrowingText } from '../../src-main/engine/asr/agreement.ts';
import { loopStart, maxTokens } from '../../src-main/engine/asr/loopGuard.ts';
import { MoonshineTokens } from '../../src-main/engine/asr/moonshineTokens.ts';
import { Transcript } from '../../src-main/engine/asr/transcript.ts';
import { addErrors, normalizeEnglish, numberWords, wer, wordErrors } from '../helpers/wer.ts';

describe('GrowingText', () => {
  it('shows what two decodes agree on, without its last word', () => {
    const text = new GrowingText();
    expect(text.add('What is.')).toBeUndefined();
    expect(text.add('What is the?')).toBe('What');
    expect(text.add('What is the capital.')).toBe('What is');
    expect(text.add('What is the capital of France?')).toBe('What is the');
    expect(text.settle('What is the capital of France?')).toBe('What is the capital of France?');
  });

  it('keeps a shown word as it was spelled and goes on after it', () => {
    const text = new GrowingText();
    text.add('Right a note');
    expect(text.add('Right a note')).toBe('Right a');
    text.add('Write a note to me');
    expect(text.add('Write a note to me')).toBe('Right a note to');
  });

  it('writes a comma once the next word is sure', () => {
    const text = new GrowingText();
    text.add('Yes, please do');
    expect(text.add('Yes, please do it')).toBe('Yes, please');
  });

  it('only ever grows, whatever the decodes say', () => {
    const word = fc.constantFrom('a', 'b.', 'c,', 'D', 'e?', '—', "it's", '…');
    const decode = fc.tuple(
      fc.boolean(),
      fc.array(word, { maxLength: 6 }).map((words) => words.join(' ')),
    );
    fc.assert(
      fc.property(fc.array(decode, { maxLength: 30 }), (decodes) => {
        const text = new GrowingText();
        let shown = '';
        for (const [settles, words] of decodes) {
          const next = settles ? text.settle(words) : text.add(words);
          if (next === undefined) continue;
          expect(next.startsWith(shown)).toBe(true);
          expect(next.length).toBeGreaterThan(shown.length);
          shown = next;
        }
      }),
    );
  });
});

describe('Transcript', () => {
  it('joins settled segments and the open one, and leaves out empty ones', () => {
    const transcript = new Transcript();
    expect(transcript.settle('One two.', 16_000, 32_000)).toEqual({
      startMs: 1_000,
      endMs: 2_000,
      text: 'One two.',
    });
    expect(transcript.settle('', 40_000, 50_000)).toBeUndefined();
    expect(transcript.textWith('Three.')).toBe('One two. Three.');
    expect(transcript.segments).toHaveLength(1);
  });
});

describe('loop guard', () => {
  it.each([
    ['one token seven times', [9, 5, 5, 5, 5, 5, 5, 5], 2],
    ['a pair five times', [1, 2, 1, 2, 1, 2, 1, 2, 1, 2], 2],
    ['a phrase of four three times', [7, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4], 5],
    ['a phrase twice', [1, 2, 3, 4, 5, 1, 2, 3, 4, 5], undefined],
    ['"no" four times', [8, 8, 8, 8], undefined],
    ['nothing', [], undefined],
  ])('%s', (_name, tokens, start) => {
    expect(loopStart(tokens)).toBe(start);
  });

  it('finds every loop, however long its phrase, and keeps one round of it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(9), { minLength: 4, maxLength: 16 }),
        fc.array(fc.nat(9), { maxLength: 10 }),
        (phrase, before) => {
          const tokens = [...before, ...phrase, ...phrase, ...phrase];
          const start = loopStart(tokens);
          expect(start).toBeDefined();
          expect(start).toBeGreaterThan(0);
          expect(start).toBeLessThan(tokens.length);
        },
      ),
    );
  });

  it('lets nobody talk faster than people can', () => {
    expect(maxTokens(16_000 * 10, 16_000)).toBe(71);
    expect(maxTokens(0, 16_000)).toBe(6);
  });
});

describe('tokenizer.bin', () => {
  const entry = (text: string | Uint8Array): number[] => {
    const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
    const length =
      bytes.length < 128 ? [bytes.length] : [(bytes.length % 128) + 128, Math.floor(bytes.length / 128)];
    return [...length, ...bytes];
  };
  const long = 'x'.repeat(300);
  const file = Uint8Array.from([
    ...entry('<unk>'),
    ...entry('<s>'),
    ...entry('</s>'),
    ...entry('▁What'),
    ...entry('▁is'),
    ...entry(Uint8Array.of(0xc3)),
    ...entry(Uint8Array.of(0xa9)),
    ...entry('<<ST_1>>'),
    ...entry(long),
  ]);

  it('joins pieces and bytes, leaves out control tokens', () => {
    const tokens = MoonshineTokens.parse(file);
    expect(tokens.size).toBe(9);
    expect(tokens.text([1, 3, 4, 7, 5, 6, 2])).toBe('What isé');
    expect(tokens.text([8])).toBe(long);
    expect(tokens.text([99_999])).toBe('');
  });

  it('refuses a file that was cut, and one that is none', () => {
    for (const cut of [1, 100, 299]) {
      expect(() => MoonshineTokens.parse(file.subarray(0, file.length - cut))).toThrow(/sotto models pull/);
    }
    expect(() => MoonshineTokens.parse(new Uint8Array(0))).toThrow(/damaged/);
  });
});

describe('word error rate', () => {
  it.each([
    ['Mr. Dashwood, had 10 neighbours!', 'mister dashwood had ten neighbors', 0],
    ['ill-disposed', 'ill disposed', 0],
    ['ten metres', '10 meters', 0],
    ['a b c d', 'a x c', 0.5],
    ['a b', 'a b c d', 1],
    ['', '', 0],
  ])('"%s" against "%s" is %d', (reference, transcript, rate) => {
    expect(wer(wordErrors(reference, transcript))).toBe(rate);
  });

  it('writes numbers as words', () => {
    expect(numberWords(342_017).join(' ')).toBe('three hundred forty two thousand seventeen');
    expect(normalizeEnglish('1,250 of the 21st')).toEqual([
      'one',
      'thousand',
      'two',
      'hundred',
      'fifty',
      'of',
      'the',
      'twenty',
      'one',
    ]);
  });

  it('counts the kinds apart and sums over words', () => {
    const first = wordErrors('a b c', 'a x c d');
    expect(first).toEqual({ substitutions: 1, deletions: 0, insertions: 1, words: 3 });
    expect(addErrors([first, wordErrors('a', '')])).toEqual({
      substitutions: 1,
      deletions: 1,
      insertions: 1,
      words: 4,
    });
  });
});
