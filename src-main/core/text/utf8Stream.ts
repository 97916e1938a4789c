/** Bytes to text without ever splitting a character: an unfinished one waits for its other bytes. */

export interface Utf8Stream {
  push(bytes: Uint8Array): string;
  /** What is left; an unfinished character becomes U+FFFD. */
  flush(): string;
}

export function createUtf8Stream(): Utf8Stream {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let joined = '';
  /**
   * Characters that join with what follows (a family emoji is seven code points) are held back until the
   * next one shows whether the cluster is complete.
   */
  const release = (text: string, isLast: boolean): string => {
    joined += text;
    const holdsBack = isLast
      ? null
      : /(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\p{Regional_Indicator}|\u200d|\ufe0f)+$/u.exec(
          joined,
        );
    const cut = holdsBack === null ? joined.length : holdsBack.index;
    const out = joined.slice(0, cut);
    joined = joined.slice(cut);
    return out;
  };
  return {
    push: (bytes) => release(decoder.decode(bytes, { stream: true }), false),
    flush: () => release(decoder.decode(), true),
  };
}
