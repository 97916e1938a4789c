/**
 * Makes any text speakable: Markdown, links, code, tables, emoji and control characters become what a
 * person would read aloud.
 *
 * Without it a voice says "asterisk asterisk". The rule: every rewriting keeps the source range of what it
 * rewrites (spannedText.ts). Emoji are not spoken; a text of nothing else has nothing to say. Fenced code
 * is announced and skipped. Numbers are left to espeak, which knows them in every language.
 */
import { type Part, rewrite, type SpannedText, spanned } from './spannedText.ts';

interface Words {
  readonly dot: string;
  readonly at: string;
  readonly and: string;
  readonly code: string;
  readonly abbreviations: readonly (readonly [RegExp, string])[];
}

const english: Words = {
  dot: ' dot ',
  at: ' at ',
  and: ' and ',
  code: '\nCode example.\n',
  abbreviations: [
    [/\be\.g\.,?/gi, 'for example'],
    [/\bi\.e\.,?/gi, 'that is'],
    [/\betc\./gi, 'et cetera'],
    [/\bvs\./gi, 'versus'],
    [/\bDr\.(?=\s)/g, 'Doctor'],
    [/\bMr\.(?=\s)/g, 'Mister'],
    [/\bMrs\.(?=\s)/g, 'Missus'],
    [/\bProf\.(?=\s)/g, 'Professor'],
  ],
};

const german: Words = {
  dot: ' Punkt ',
  at: ' ät ',
  and: ' und ',
  code: '\nCodebeispiel.\n',
  abbreviations: [
    [/\bz\.\s?B\./gi, 'zum Beispiel'],
    [/\bd\.\s?h\./gi, 'das heißt'],
    [/\busw\./gi, 'und so weiter'],
    [/\bbzw\./gi, 'beziehungsweise'],
    [/\bca\./gi, 'circa'],
    [/\bDr\.(?=\s)/g, 'Doktor'],
    [/\bNr\.(?=\s)/g, 'Nummer'],
  ],
};

/** Patterns whose first group alone is spoken. */
const unwrapped: readonly RegExp[] = [
  /!?\[([^\]\n]{0,500})\]\([^)\n]{0,2000}\)/dg,
  /`{1,2}([^`\n]{1,500})`{1,2}/dg,
  /\*{1,3}(?=\S)([^*\n]{1,500}?)\*{1,3}/dg,
  /(?<![\p{L}\p{N}])_{1,3}(?=\S)([^_\n]{1,500}?)_{1,3}(?![\p{L}\p{N}])/dgu,
  /~~([^~\n]{1,500})~~/dg,
];

/** Patterns that are not spoken at all. */
const dropped: readonly RegExp[] = [
  /^[ \t]*(?:[-*_][ \t]*){3,}$/gm,
  /^[ \t]*\|?(?:[ \t]*:?-{2,}:?[ \t]*\|)+[ \t:-]*$/gm,
  /^[ \t]*#{1,6}[ \t]+/gm,
  /^[ \t]*(?:>[ \t]?)+/gm,
  /^[ \t]*[-*+•][ \t]+(?:\[[ xX]\][ \t]+)?/gm,
  /<\/?[a-zA-Z][^<>\n]{0,300}>/g,
];

/** Text to speak, each code unit with its range in `text`. `language` is an espeak voice name ("en-us"). */
export function speakable(text: string, language = 'en'): SpannedText {
  const words = language.startsWith('de') ? german : english;
  let out = spanned(text);
  out = rewrite(out, /\r\n?/g, () => ['\n']);
  out = rewrite(out, /[\u2028\u2029\t\f\v\u00a0]/g, (match) => [/[\t\u00a0]/.test(match[0]) ? ' ' : '\n']);
  // Lone surrogates, control characters, zero-width and direction marks, soft hyphens.
  out = rewrite(out, /\p{Cs}|\p{Cc}|\p{Cf}|\p{Variation_Selector}|\ufffd/gu, (match) =>
    match[0] === '\n' ? ['\n'] : [],
  );
  out = rewrite(out, /^[ \t]*(```|~~~)[^\n]*\n[\s\S]*?(?:^[ \t]*\1[ \t]*$|$(?![\s\S]))/gm, () => [
    words.code,
  ]);
  for (const pattern of dropped) out = rewrite(out, pattern, () => []);
  for (const pattern of unwrapped) out = rewrite(out, pattern, keepGroup);
  out = rewrite(out, /(?:https?:\/\/|www\.)[^\s<>"]{1,2000}/gi, (match) => spokenUrl(match[0], words));
  out = rewrite(out, /[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}/g, (match) => [
    match[0].replace(/@/g, words.at).replace(/\./g, words.dot),
  ]);
  for (const [pattern, spoken] of words.abbreviations) out = rewrite(out, pattern, () => [spoken]);
  out = rewrite(out, /&(?:amp|lt|gt|quot|nbsp);|&/g, (match) => [
    /^&(amp;)?$/.test(match[0]) ? words.and : ' ',
  ]);
  out = rewrite(out, /[\p{Extended_Pictographic}\u{1f1e6}-\u{1f1ff}\u{1f3fb}-\u{1f3ff}\u20e3]/gu, () => [
    ' ',
  ]);
  out = rewrite(out, /\s*\|\s*/g, (match) => [match[0].includes('\n') ? '\n' : ', ']);
  out = rewrite(out, /[→⇒⟶←—–]|(?<=\s)-{1,3}(?=\s)/g, () => [', ']);
  out = rewrite(out, /[*_#~^`\\<>{}[\]|=]+/g, () => [' ']);
  return rewrite(out, /([^\s.!?:;,。！？])[ \t]*\n\s*/g, () => [{ from: 0, to: 1 }, '.\n']);
}

function keepGroup(match: RegExpExecArray): readonly Part[] {
  const group = match.indices?.[1];
  return group === undefined ? [] : [{ from: group[0] - match.index, to: group[1] - match.index }];
}

/** A link is spoken by its host; a path read letter by letter helps nobody. */
function spokenUrl(url: string, words: Words): readonly Part[] {
  const trailing = /[.,;:!?)]+$/.exec(url)?.[0].length ?? 0;
  const host =
    url
      .replace(/^https?:\/\//i, '')
      .replace(/^www\./i, '')
      .split(/[/?#:]/)[0] ?? '';
  const end = url.length - trailing;
  return [host.replace(/[.,;!?)]+$/, '').replace(/\./g, words.dot), { from: end, to: url.length }];
}
