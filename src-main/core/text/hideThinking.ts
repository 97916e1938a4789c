/** Drops `<think> … </think>` from a stream: a model's notes to itself are neither spoken nor shown. */
import { createStopFilter, type StopFilter } from './stopStrings.ts';

export interface ThinkingFilter {
  push(text: string): string;
  flush(): string;
}

export function createThinkingFilter(): ThinkingFilter {
  let open: StopFilter = createStopFilter(['<think>']);
  let inside = false;
  let held = '';
  const push = (text: string): string => {
    if (inside) {
      held += text;
      const end = held.indexOf('</think>');
      if (end < 0) return '';
      const rest = held.slice(end + '</think>'.length).replace(/^\s+/, '');
      inside = false;
      held = '';
      open = createStopFilter(['<think>']);
      return push(rest);
    }
    // The filter drops what follows a stop; the tag's remainder in this piece is looked for by hand.
    const before = text;
    const passed = open.push(text);
    if (!passed.stopped) return passed.text;
    inside = true;
    const tag = before.indexOf('<think>');
    const after = tag >= 0 ? before.slice(tag + '<think>'.length) : before.slice(before.indexOf('>') + 1);
    return passed.text + push(after);
  };
  return { push, flush: () => (inside ? '' : open.flush()) };
}
