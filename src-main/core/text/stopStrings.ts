/**
 * Ends a stream of text at the first of several stop strings, without ever letting a part of one through:
 * text that could be the beginning of a stop string waits until the next piece decides.
 */

export interface StopFilter {
  /** Text that may go out, and whether a stop string was met (all later text is dropped). */
  push(text: string): { readonly text: string; readonly stopped: boolean };
  flush(): string;
}

export function createStopFilter(stops: readonly string[]): StopFilter {
  const wanted = stops.filter((stop) => stop !== '');
  let held = '';
  let stopped = false;
  const earliest = (): number => {
    const found = wanted.map((stop) => held.indexOf(stop)).filter((at) => at >= 0);
    return found.length === 0 ? -1 : Math.min(...found);
  };
  /** Length of the longest end of `held` that a stop string begins with. */
  const possibleStart = (): number => {
    let longest = 0;
    for (const stop of wanted) {
      for (let length = Math.min(stop.length - 1, held.length); length > longest; length -= 1) {
        if (stop.startsWith(held.slice(-length))) longest = length;
      }
    }
    return longest;
  };
  return {
    push(text) {
      if (stopped) return { text: '', stopped };
      held += text;
      const at = earliest();
      if (at >= 0) {
        stopped = true;
        const out = held.slice(0, at);
        held = '';
        return { text: out, stopped };
      }
      const keep = possibleStart();
      const out = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return { text: out, stopped };
    },
    flush() {
      const out = stopped ? '' : held;
      held = '';
      return out;
    },
  };
}
