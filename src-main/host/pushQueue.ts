/** An async iterable filled from outside: what a caller pushes into an open request, in order. */

export interface PushQueue<T> extends AsyncIterable<T> {
  push(value: T): void;
  /** No more values: the iteration ends after those still queued. */
  close(): void;
}

export function createPushQueue<T>(): PushQueue<T> {
  let queued: T[] = [];
  let closed = false;
  let wake: (() => void) | null = null;
  const rouse = (): void => {
    wake?.();
    wake = null;
  };
  return {
    push(value) {
      if (closed) return;
      queued.push(value);
      rouse();
    },
    close() {
      closed = true;
      rouse();
    },
    async *[Symbol.asyncIterator]() {
      while (true) {
        const batch = queued;
        queued = [];
        yield* batch;
        if (queued.length > 0) continue;
        if (closed) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
