/**
 * Lets only whole, undamaged Ogg pages through.
 *
 * Given half a page, or one with flipped bits, the Opus and Vorbis decoders make up seconds of sound (a
 * recording of 1.5 s became 5 s). Every page carries its length and a checksum. The rule: a page whose
 * checksum is right passes, anything else is left out and counted; after it the next page is looked for.
 * Worst case: one lost page costs about a second of audio.
 */
import { joinBytes } from '../../core/join.ts';

const headerBytes = 27;
/** A page holds at most 255 segments of 255 bytes. */
const maxPageBytes = headerBytes + 255 + 255 * 255;

export interface OggPart {
  /** One or more whole pages; may be empty. */
  readonly pages: Uint8Array;
  /** Damaged stretches left out since the last part. */
  readonly errors: number;
}

export class OggPages {
  #held: Uint8Array = new Uint8Array(0);
  #skipping = false;

  /** Takes the next bytes of the file and returns the pages they complete. */
  push(chunk: Uint8Array): OggPart {
    const bytes = new Uint8Array(this.#held.length + chunk.length);
    bytes.set(this.#held);
    bytes.set(chunk, this.#held.length);
    const pages: Uint8Array[] = [];
    let errors = 0;
    let at = 0;
    while (bytes.length - at >= headerBytes) {
      const length = pageLength(bytes, at);
      if (length === 'incomplete') break;
      if (length !== 'damaged' && hasRightChecksum(bytes.subarray(at, at + length))) {
        pages.push(bytes.subarray(at, at + length));
        at += length;
        this.#skipping = false;
        continue;
      }
      if (!this.#skipping) errors++;
      this.#skipping = true;
      at = nextCapture(bytes, at + 1);
    }
    this.#held = bytes.slice(at);
    return { pages: joinBytes(pages), errors };
  }

  /** At the end of the file: whether it ended inside a page. */
  finish(): { readonly errors: number } {
    return { errors: this.#held.length > 0 && !this.#skipping ? 1 : 0 };
  }
}

function pageLength(bytes: Uint8Array, at: number): number | 'incomplete' | 'damaged' {
  if (!isCapture(bytes, at) || bytes[at + 4] !== 0) return 'damaged';
  const segments = bytes[at + 26] ?? 0;
  if (bytes.length < at + headerBytes + segments) return 'incomplete';
  let length = headerBytes + segments;
  for (let i = 0; i < segments; i++) length += bytes[at + headerBytes + i] ?? 0;
  if (length > maxPageBytes) return 'damaged';
  return bytes.length < at + length ? 'incomplete' : length;
}

function isCapture(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0x4f && bytes[at + 1] === 0x67 && bytes[at + 2] === 0x67 && bytes[at + 3] === 0x53; // OggS
}

function nextCapture(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 4 <= bytes.length; at++) if (isCapture(bytes, at)) return at;
  return Math.max(from, bytes.length - 3);
}

/** CRC-32 with polynomial 04c11db7, start 0, not reflected, over the page with its checksum field zero. */
function hasRightChecksum(page: Uint8Array): boolean {
  let crc = 0;
  for (let i = 0; i < page.length; i++) {
    const byte = i >= 22 && i < 26 ? 0 : (page[i] ?? 0);
    crc = (crc << 8) ^ (crcTable[((crc >>> 24) ^ byte) & 0xff] ?? 0);
  }
  return crc >>> 0 === new DataView(page.buffer, page.byteOffset).getUint32(22, true);
}

const crcTable = Int32Array.from({ length: 256 }, (_, index) => {
  let value = index << 24;
  for (let bit = 0; bit < 8; bit++) value = value < 0 ? (value << 1) ^ 0x04c11db7 : value << 1;
  return value;
});
