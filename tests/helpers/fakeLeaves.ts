/** Leaves that do what a test says, over the same client interface as the real ones. */
import type { CallOptions, LeafCall, LeafClient, LeafName } from '../../src-main/contract/leaf.ts';

export interface FakeRequest {
  readonly method: string;
  readonly input: unknown;
  readonly signal: AbortSignal;
  readonly pushed: unknown[];
  onPush: (message: unknown) => void;
  emit(event: unknown): void;
}

/** A client whose requests are served by `handle`; an aborted request rejects with the signal's reason. */
export function fakeLeaf<L extends LeafName>(
  handle: (request: FakeRequest) => Promise<unknown>,
): LeafClient<L> {
  const call = (
    method: string,
    input: unknown,
    options: CallOptions<unknown> = {},
  ): LeafCall<unknown, unknown> => {
    const signal = options.signal ?? new AbortController().signal;
    const request: FakeRequest = {
      method,
      input,
      signal,
      pushed: [],
      onPush: () => {},
      emit: (event) => {
        if (!signal.aborted) options.onEvent?.(event);
      },
    };
    const aborted = new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    aborted.catch(() => {});
    return {
      push: (message) => {
        request.pushed.push(message);
        request.onPush(message);
      },
      result: Promise.race([handle(request), aborted]),
    };
  };
  return { call } as unknown as LeafClient<L>;
}
