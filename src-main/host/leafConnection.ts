/**
 * One generation of a leaf: the process from its spawn to its death, with the requests open on it.
 *
 * It ends in exactly one way, once: every open request is rejected with the same coded error and `onEnd`
 * is told. Who restarts it is the supervisor's business (leafHost.ts).
 */
import { type ErrorCode, fromWireError, SottoError } from '../contract/errors.ts';
import type { LeafName } from '../contract/leaf.ts';
import type { LeafLimits } from './limits.ts';
import { parseUpFrame, type UpFrame } from './protocol.ts';
import type { LeafProcess, Spawner } from './spawner.ts';

export interface ConnectionRequest {
  readonly method: string;
  readonly input: unknown;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: ((event: unknown) => void) | undefined;
}

export interface OpenCall {
  push(message: unknown): void;
  readonly result: Promise<unknown>;
}

export interface LeafConnection {
  readonly ready: Promise<void>;
  readonly pid: number | undefined;
  request(request: ConnectionRequest): OpenCall;
  openRequests(): number;
  residentBytes(): number;
  /** Ends the process without counting it as a crash; open requests get `code`. */
  close(code: ErrorCode, message: string): void;
}

/** Why a connection ended. `asked` is a `close()`; all else counts against the crash budget. */
export type ConnectionEnd = 'asked' | 'crashed';

interface Pending {
  readonly method: string;
  readonly resolve: (output: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onEvent: ((event: unknown) => void) | undefined;
  readonly dropSignal: () => void;
  /** Set once the caller has cancelled: the caller is answered already, the leaf has until then. */
  cancelDeadlineMs: number | null;
}

export function openConnection(
  leaf: LeafName,
  generation: number,
  spawner: Spawner,
  limits: LeafLimits,
  hooks: { readonly onAnswered: (method: string) => void; readonly onEnd: (end: ConnectionEnd) => void },
): LeafConnection {
  const child: LeafProcess = spawner.spawn(leaf, generation);
  const pending = new Map<number, Pending>();
  let nextId = 1;
  let nonce = 0;
  let residentBytes = 0;
  let ended: SottoError | null = null;
  let isReady = false;
  let lastSignMs = Date.now();
  let lastWatchMs = Date.now();
  let windowStartMs = Date.now();
  let eventsInWindow = 0;
  let resolveReady: () => void = () => {};
  let rejectReady: (error: SottoError) => void = () => {};
  const ready = new Promise<void>((resolve, reject) => {
    resolveReady = resolve;
    rejectReady = reject;
  });
  ready.catch(() => {});

  const finish = (end: ConnectionEnd, code: ErrorCode, message: string): void => {
    if (ended !== null) return;
    ended = new SottoError(message, { code, stage: leaf, retryable: code !== 'leaf-unavailable' });
    clearInterval(watch);
    child.kill();
    rejectReady(ended);
    for (const request of pending.values()) {
      request.dropSignal();
      request.reject(ended);
    }
    pending.clear();
    hooks.onEnd(end);
  };

  const settle = (id: number): Pending | undefined => {
    const request = pending.get(id);
    if (request === undefined) return undefined;
    pending.delete(id);
    request.dropSignal();
    return request;
  };

  /** A listener that throws ends its own request, not the process it runs in. */
  const deliver = (id: number, request: Pending, event: unknown): void => {
    try {
      request.onEvent?.(event);
    } catch (error) {
      request.cancelDeadlineMs = Date.now() + limits.cancelWithinMs;
      request.reject(error);
      child.send({ kind: 'cancel', generation, id });
    }
  };

  const countEvent = (): void => {
    const now = Date.now();
    if (now - windowStartMs > 1000) {
      windowStartMs = now;
      eventsInWindow = 0;
    }
    eventsInWindow += 1;
    if (eventsInWindow > limits.eventsPerSecond) {
      finish(
        'crashed',
        'leaf-flooded',
        `The ${leaf} process sent more than it should and was stopped. Try again.`,
      );
    }
  };

  const receive = (frame: UpFrame): void => {
    switch (frame.kind) {
      case 'ready':
        isReady = true;
        resolveReady();
        break;
      case 'event': {
        countEvent();
        const request = pending.get(frame.id);
        if (ended === null && request?.cancelDeadlineMs === null) deliver(frame.id, request, frame.event);
        break;
      }
      case 'result': {
        const request = settle(frame.id);
        hooks.onAnswered(request?.method ?? '');
        request?.resolve(frame.output);
        break;
      }
      case 'error':
        settle(frame.id)?.reject(fromWireError(frame.error));
        break;
      case 'cancelled':
        settle(frame.id)?.reject(new SottoError('cancelled', { code: 'internal', stage: leaf }));
        break;
      case 'pong':
        residentBytes = frame.residentBytes;
        break;
    }
  };

  child.onMessage((message) => {
    if (ended !== null) return;
    const frame = parseUpFrame(message);
    if (frame === null) {
      finish('crashed', 'protocol', `The ${leaf} process answered nonsense and was stopped. Try again.`);
      return;
    }
    if (frame.generation !== generation) return;
    lastSignMs = Date.now();
    receive(frame);
  });
  child.onExit((why) => {
    finish(
      'crashed',
      'leaf-crashed',
      `The ${leaf} process ended unexpectedly (${why}). It restarts by itself; try again.`,
    );
  });

  const watch = setInterval(() => {
    const now = Date.now();
    const lateMs = now - lastWatchMs - limits.pingEveryMs;
    lastWatchMs = now;
    // We ourselves slept (lid closed, debugger, a stalled parent): the leaf had no chance to answer.
    if (lateMs > limits.hungAfterMs / 2) {
      lastSignMs = now;
      return;
    }
    if (!isReady) {
      if (now - lastSignMs > limits.readyWithinMs) {
        finish(
          'crashed',
          'leaf-hung',
          `The ${leaf} process did not start within ${limits.readyWithinMs / 1000} s.`,
        );
      }
      return;
    }
    let loading = false;
    for (const request of pending.values()) {
      if (request.method === 'load') loading = true;
      if (request.cancelDeadlineMs !== null && now > request.cancelDeadlineMs && !loading) {
        finish(
          'crashed',
          'leaf-hung',
          `The ${leaf} process did not stop when asked and was ended. Try again.`,
        );
        return;
      }
    }
    if (pending.size === 0) {
      lastSignMs = now;
    } else if (now - lastSignMs > (loading ? limits.loadHungAfterMs : limits.hungAfterMs)) {
      finish('crashed', 'leaf-hung', `The ${leaf} process stopped answering and was ended. Try again.`);
      return;
    }
    nonce += 1;
    child.send({ kind: 'ping', generation, nonce });
  }, limits.pingEveryMs);
  watch.unref?.();

  return {
    ready,
    pid: child.pid,
    openRequests: () => pending.size,
    residentBytes: () => residentBytes,
    close: (code, message) => finish('asked', code, message),
    request({ method, input, signal, onEvent }) {
      const id = nextId;
      nextId += 1;
      const result = new Promise<unknown>((resolve, reject) => {
        if (ended !== null) {
          reject(ended);
          return;
        }
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = (): void => {
          const request = pending.get(id);
          if (request === undefined || request.cancelDeadlineMs !== null) return;
          request.cancelDeadlineMs = Date.now() + limits.cancelWithinMs;
          child.send({ kind: 'cancel', generation, id });
          reject(signal?.reason);
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        if (pending.size === 0) lastSignMs = Date.now();
        pending.set(id, {
          method,
          resolve,
          reject,
          onEvent,
          dropSignal: () => signal?.removeEventListener('abort', onAbort),
          cancelDeadlineMs: null,
        });
        try {
          child.send({ kind: 'request', generation, id, method, input });
        } catch (error) {
          settle(id);
          reject(
            new SottoError(
              `The request to the ${leaf} process cannot be sent: its input is not plain data.`,
              {
                code: 'bad-argument',
                stage: leaf,
                cause: error,
              },
            ),
          );
        }
      });
      return {
        result,
        push: (message) => {
          if (ended === null && pending.has(id)) child.send({ kind: 'push', generation, id, message });
        },
      };
    },
  };
}
