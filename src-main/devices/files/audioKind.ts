/**
 * What a file is, by its first bytes.
 *
 * Extensions lie, and a decoder given the wrong format answers with noise or nothing. The rule: the content
 * decides; a format that is known but not decoded is refused by its name. Pure.
 */

export type AudioKind = 'wav' | 'flac' | 'mp3' | 'opus' | 'vorbis';

export type Sniffed =
  | { readonly kind: AudioKind }
  /** A known format that is not decoded. */
  | { readonly kind: 'foreign'; readonly name: string }
  | { readonly kind: 'unknown' }
  /** An ID3 tag of this many bytes comes first; look again behind it. */
  | { readonly kind: 'id3'; readonly tagBytes: number };

/** Bytes `sniffAudio` wants to see; fewer are fine in a shorter file. */
export const sniffBytes = 64;

const foreign: readonly { readonly at: number; readonly bytes: string; readonly name: string }[] = [
  { at: 4, bytes: 'ftyp', name: 'MP4/M4A (AAC)' },
  { at: 0, bytes: '\x1aE\xdf\xa3', name: 'Matroska/WebM' },
  { at: 0, bytes: 'FORM', name: 'AIFF' },
  { at: 0, bytes: 'caff', name: 'Core Audio (CAF)' },
  { at: 0, bytes: '.snd', name: 'Sun audio (AU)' },
  { at: 0, bytes: '#!AMR', name: 'AMR' },
  { at: 0, bytes: '0&\xb2u', name: 'Windows Media (ASF)' },
  { at: 0, bytes: 'wvpk', name: 'WavPack' },
  { at: 0, bytes: 'MAC ', name: "Monkey's Audio" },
];

export function sniffAudio(head: Uint8Array): Sniffed {
  const has = (at: number, ascii: string): boolean => {
    for (let i = 0; i < ascii.length; i++) if (head[at + i] !== ascii.charCodeAt(i)) return false;
    return true;
  };
  if (has(0, 'RIFF') || has(0, 'RF64')) return has(8, 'WAVE') ? { kind: 'wav' } : { kind: 'unknown' };
  if (has(0, 'fLaC')) return { kind: 'flac' };
  if (has(0, 'OggS')) return sniffOgg(has);
  if (has(0, 'ID3') && head.length >= 10) return { kind: 'id3', tagBytes: id3Bytes(head) };
  for (const { at, bytes, name } of foreign) if (has(at, bytes)) return { kind: 'foreign', name };
  return sniffMpeg(head);
}

function sniffOgg(has: (at: number, ascii: string) => boolean): Sniffed {
  const firstPacket = 28; // a page header of 27 bytes and a table of one segment
  if (has(firstPacket, 'OpusHead')) return { kind: 'opus' };
  if (has(firstPacket, '\x01vorbis')) return { kind: 'vorbis' };
  if (has(firstPacket, '\x7fFLAC')) return { kind: 'flac' };
  if (has(firstPacket, 'Speex')) return { kind: 'foreign', name: 'Ogg Speex' };
  return { kind: 'foreign', name: 'an Ogg stream of another codec' };
}

/** Header and body of an ID3v2 tag: the size is four bytes of seven bits. */
function id3Bytes(head: Uint8Array): number {
  let size = 0;
  for (let i = 6; i < 10; i++) size = size * 128 + ((head[i] ?? 0) & 0x7f);
  const footer = ((head[5] ?? 0) & 0x10) !== 0 ? 10 : 0;
  return 10 + size + footer;
}

/** An MPEG audio frame: eleven ones, then version, layer, bit rate and sampling rate that exist. */
function sniffMpeg(head: Uint8Array): Sniffed {
  const [first = 0, second = 0, third = 0] = head;
  if (first !== 0xff || (second & 0xe0) !== 0xe0) return { kind: 'unknown' };
  const version = (second >> 3) & 3;
  const layer = (second >> 1) & 3;
  if (layer === 0) return (second & 0xf6) === 0xf0 ? { kind: 'foreign', name: 'AAC' } : { kind: 'unknown' };
  const valid = version !== 1 && third >> 4 !== 15 && ((third >> 2) & 3) !== 3;
  return valid ? { kind: 'mp3' } : { kind: 'unknown' };
}
