/**
 * A bounded queue between two stages: the producer waits while it is full, the consumer while it is empty.
 *
 * Without the bound a fast stage (rendering) runs far ahead of a slow one (the ear), and everything it made
 * is waste when the user interrupts.
 */
export interface AsyncQueue<T> extends AsyncIterable<T> {
  /** Resolves when the value was taken in; at once where there is room. */
  push(value: T): Promise<void>;
  close(): void;
  /** Ends the consumer with this error, after what is queued. */
  fail(error: unknown): void;
}

export function createAsyncQueue<T>(capacity: number): AsyncQueue<T> {
  const queued: T[] = [];
  let closed = false;
  let failure: { readonly error: unknown } | null = null;
  let wakeConsumer: (() => void) | null = null;
  let waitingProducers: (() => void)[] = [];
  const rouse = (): void => {
    wakeConsumer?.();
    wakeConsumer = null;
  };
  const freeProducers = (): void => {
    const waiting = waitingProducers;
    waitingProducers = [];
    for (const wake of waiting) wake();
  };
  const end = (): void => {
    closed = true;
    rouse();
    freeProducers();
  };
  return {
    async push(value) {
      while (queued.length >= capacity && !closed) {
        await new Promise<void>((resolve) => {
          waitingProducers.push(resolve);
        });
      }
      if (closed) return;
      queued.push(value);
      rouse();
    },
    close: end,
    fail(error) {
      failure ??= { error };
      end();
    },
    async *[Symbol.asyncIterator]() {
      try {
        while (true) {
          const value = queued.shift();
          if (value !== undefined) {
            freeProducers();
            yield value;
          } else if (closed) {
            if (failure !== null) throw failure.error;
            return;
          } else {
            await new Promise<void>((resolve) => {
              wakeConsumer = resolve;
            });
          }
        }
      } finally {
        end();
      }
    },
  };
}
