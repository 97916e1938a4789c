/**
 * Drops `<think> … </think>` from a stream: a model's notes to itself are neither spoken nor shown.
 *
 * Tags arrive in any number of pieces; what could be the beginning of one waits until the next piece decides.
 */

const OPEN = '<think>';
const CLOSE = '</think>';

export interface ThinkingFilter {
  push(text: string): string;
  flush(): string;
}

/** Length of the longest end of `text` that `tag` begins with, the whole tag left aside. */
function possibleStart(text: string, tag: string): number {
  for (let length = Math.min(tag.length - 1, text.length); length > 0; length -= 1) {
    if (tag.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

export function createThinkingFilter(): ThinkingFilter {
  let held = '';
  let inside = false;
  /** Blank space after the notes belongs to them. */
  let skipsBlank = false;
  const pass = (text: string): string => {
    const out = skipsBlank ? text.trimStart() : text;
    if (out !== '') skipsBlank = false;
    return out;
  };
  return {
    push(text) {
      held += text;
      let out = '';
      while (true) {
        const tag = inside ? CLOSE : OPEN;
        const at = held.indexOf(tag);
        const end = at >= 0 ? at : held.length - possibleStart(held, tag);
        if (!inside) out += pass(held.slice(0, end));
        held = held.slice(at >= 0 ? at + tag.length : end);
        if (at < 0) return out;
        skipsBlank = inside;
        inside = !inside;
      }
    },
    flush() {
      const out = inside ? '' : pass(held);
      held = '';
      return out;
    },
  };
}
