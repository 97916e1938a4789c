/**
 * A leaf that is always there: starts, loads, restarts, unloads and gives up behind one verb, `call`.
 *
 * The rule: a crash costs the requests that were open and nothing else. The next request finds a fresh
 * process with the same model loaded; it is started again at once, in the background, so that the next
 * request does not pay for it. Three crashes in a row open the breaker (crashBudget.ts).
 */
import { SottoError } from '../contract/errors.ts';
import type { CallOptions, LeafClient, LeafName } from '../contract/leaf.ts';
import { createCrashBudget } from './crashBudget.ts';
import {
  type ConnectionRequest,
  type LeafConnection,
  type OpenCall,
  openConnection,
} from './leafConnection.ts';
import { DEFAULT_LIMITS, type LeafLimits } from './limits.ts';
import type { Spawner } from './spawner.ts';

export type LeafState = 'stopped' | 'starting' | 'ready' | 'unloaded' | 'unavailable';

export interface LeafHost<L extends LeafName> extends LeafClient<L> {
  readonly leaf: L;
  state(): LeafState;
  onState(listener: (state: LeafState) => void): () => void;
  /** Resident memory of the process in bytes; 0 when there is none. Refreshed by every ping. */
  residentBytes(): number;
  pid(): number | undefined;
  /** Ends the process and keeps what it had loaded in mind; the next call starts it again. */
  unload(): void;
  /** Closes the breaker after the cause was mended. */
  reset(): void;
  /** Ends the process for good. */
  stop(): void;
}

interface Loaded {
  readonly connection: LeafConnection;
  /** Resolves when the process is ready and, where there is a load to repeat, the model is loaded. */
  readonly usable: Promise<void>;
}

export function createLeafHost<L extends LeafName>(
  leaf: L,
  spawner: Spawner,
  overrides: Partial<LeafLimits> = {},
): LeafHost<L> {
  const limits: LeafLimits = { ...DEFAULT_LIMITS, ...overrides };
  const budget = createCrashBudget(limits);
  const listeners = new Set<(state: LeafState) => void>();
  let state: LeafState = 'stopped';
  let generation = 0;
  let current: Loaded | null = null;
  /** The last load asked for: repeated before the first request of every new process. */
  let loadInput: unknown;
  /** Whether that load has ever succeeded: only then is a crashed process started again unasked. */
  let loadProven = false;
  let idleTimer: NodeJS.Timeout | null = null;
  let stopped = false;

  const become = (next: LeafState): void => {
    if (state === next) return;
    state = next;
    for (const listener of listeners) listener(next);
  };

  const unavailable = (): SottoError =>
    new SottoError(
      `The ${leaf} process crashed ${limits.crashesInARow} times in a row and rests for ${Math.round(limits.breakerCoolDownMs / 1000)} s. ` +
        'Run `sotto doctor` to see why, or choose another model.',
      { code: 'leaf-unavailable', stage: leaf },
    );

  const disarmIdle = (): void => {
    if (idleTimer !== null) clearTimeout(idleTimer);
    idleTimer = null;
  };

  const armIdle = (): void => {
    disarmIdle();
    if (limits.idleUnloadMs === 0 || current === null) return;
    idleTimer = setTimeout(() => {
      if (current?.connection.openRequests() === 0) unload();
      else armIdle();
    }, limits.idleUnloadMs);
    idleTimer.unref?.();
  };

  const start = (withLoad: boolean): Loaded => {
    generation += 1;
    // A timer armed for the process before this one must not unload the one that is starting.
    disarmIdle();
    become('starting');
    const connection = openConnection(leaf, generation, spawner, limits, {
      onAnswered: (method) => {
        // A model that loads and then crashes on its first use must still open the breaker.
        if (method !== 'load') budget.answered();
        armIdle();
      },
      onEnd: (end) => {
        if (current?.connection !== connection) return;
        current = null;
        if (end === 'asked') return;
        budget.crashed(Date.now());
        if (budget.waitMs(Date.now()) > 0) become('unavailable');
        else if (loadProven && !stopped) current = start(true);
        else become('stopped');
      },
    });
    const usable = connection.ready
      .then(() => (withLoad ? connection.request({ method: 'load', input: loadInput }).result : undefined))
      .then(() => {
        become('ready');
        armIdle();
      });
    usable.catch(() => discard(connection));
    return { connection, usable };
  };

  /** A process whose load failed or was cancelled holds memory for nothing: the next request starts afresh. */
  const discard = (connection: LeafConnection): void => {
    if (current?.connection !== connection) return;
    current = null;
    connection.close('leaf-unavailable', `The ${leaf} process was ended because its model did not load.`);
    become('stopped');
  };

  const acquire = (withLoad: boolean): Loaded => {
    if (stopped) {
      throw new SottoError(`The ${leaf} process was shut down.`, { code: 'leaf-unavailable', stage: leaf });
    }
    if (budget.waitMs(Date.now()) > 0) throw unavailable();
    current ??= start(withLoad && loadInput !== undefined);
    return current;
  };

  const begin = (request: ConnectionRequest): OpenCall => {
    const isLoad = request.method === 'load';
    if (isLoad) {
      loadInput = request.input;
      loadProven = false;
    }
    let call: OpenCall | null = null;
    let early: unknown[] | null = [];
    const send = async (): Promise<unknown> => {
      request.signal?.throwIfAborted();
      const { connection, usable } = acquire(!isLoad);
      // A load replaces what a previous load left, so it waits for the process only.
      await untilAborted(isLoad ? connection.ready : usable, request.signal);
      call = connection.request(request);
      for (const message of early ?? []) call.push(message);
      early = null;
      if (isLoad) adoptLoad(connection, call.result);
      return call.result;
    };
    const result = send();
    // Whoever dropped the call has no use for its failure; what was pushed too early is dropped with it.
    result.catch(() => {
      early = null;
    });
    return {
      result,
      push: (message) => {
        if (call !== null) call.push(message);
        else early?.push(message);
      },
    };
  };

  /** From here on other requests wait for this load, and get its error if it fails. */
  const adoptLoad = (connection: LeafConnection, result: Promise<unknown>): void => {
    if (current?.connection !== connection) return;
    const usable = result.then(() => {
      loadProven = true;
      become('ready');
    });
    current = { connection, usable };
    usable.catch(() => discard(connection));
  };

  const unload = (): void => {
    disarmIdle();
    const connection = current?.connection;
    current = null;
    connection?.close('leaf-unavailable', `The ${leaf} process was unloaded.`);
    become('unloaded');
  };

  return {
    leaf,
    state: () => state,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    residentBytes: () => current?.connection.residentBytes() ?? 0,
    pid: () => current?.connection.pid,
    unload,
    reset() {
      budget.reset();
      if (state === 'unavailable') become('stopped');
    },
    stop() {
      stopped = true;
      unload();
      become('stopped');
    },
    call: ((method: string, input: unknown, options: CallOptions<unknown> = {}) =>
      begin({ method, input, signal: options.signal, onEvent: options.onEvent })) as LeafClient<L>['call'],
  };
}

/** Waits for a promise, or rejects with the signal's reason as soon as it is aborted. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
