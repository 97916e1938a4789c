/**
 * The leaf's side of the boundary: frames in, handlers called, frames out.
 *
 * A leaf must never outlive its parent (it would hold memory and the GPU), and an exception in a handler is
 * an answer, not a crash. The entry files in src-main/leaves are one call of `serveLeaf`.
 */
import { toWireError } from '../contract/errors.ts';
import type { HandlerContext, LeafHandlers, LeafName } from '../contract/leaf.ts';
import type { DownFrame, UpFrame } from './protocol.ts';
import { createPushQueue, type PushQueue } from './pushQueue.ts';

/** The channel to the parent: `process` in a fork, `process.parentPort` in Electron. */
export interface ParentPort {
  post(frame: UpFrame): void;
  onFrame(listener: (frame: DownFrame) => void): void;
  onClose(listener: () => void): void;
}

type AnyHandler = (input: unknown, context: HandlerContext<unknown, unknown>) => Promise<unknown>;

interface OpenRequest {
  readonly controller: AbortController;
  readonly pushes: PushQueue<unknown>;
}

export function serveLeaf<L extends LeafName>(
  leaf: L,
  handlers: LeafHandlers<L>,
  port: ParentPort,
  generation: number,
): void {
  const open = new Map<number, OpenRequest>();
  const byName = handlers as unknown as Record<string, AnyHandler | undefined>;

  const answer = async (frame: Extract<DownFrame, { kind: 'request' }>): Promise<void> => {
    const { id } = frame;
    const request: OpenRequest = { controller: new AbortController(), pushes: createPushQueue<unknown>() };
    open.set(id, request);
    const { signal } = request.controller;
    try {
      const handler = Object.hasOwn(byName, frame.method) ? byName[frame.method] : undefined;
      if (handler === undefined) throw new Error(`the ${leaf} leaf has no method ${frame.method}`);
      const output = await handler(frame.input, {
        signal,
        pushes: request.pushes,
        emit: (event) => {
          if (!signal.aborted) port.post({ kind: 'event', generation, id, event });
        },
      });
      port.post({ kind: 'result', generation, id, output });
    } catch (error) {
      if (signal.aborted) port.post({ kind: 'cancelled', generation, id });
      else port.post({ kind: 'error', generation, id, error: toWireError(error, leaf) });
    } finally {
      request.pushes.close();
      open.delete(id);
    }
  };

  port.onFrame((frame) => {
    if (frame.generation !== generation) return;
    switch (frame.kind) {
      case 'request':
        void answer(frame);
        break;
      case 'push':
        open.get(frame.id)?.pushes.push(frame.message);
        break;
      case 'cancel': {
        const request = open.get(frame.id);
        request?.controller.abort(new Error('cancelled'));
        request?.pushes.close();
        break;
      }
      case 'ping':
        port.post({ kind: 'pong', generation, nonce: frame.nonce, residentBytes: process.memoryUsage.rss() });
        break;
    }
  });
  port.onClose(() => process.exit(0));
  port.post({ kind: 'ready', generation });
}

/** The port this process was started with: a fork's channel, or that of an Electron utility process. */
export function parentPort(): ParentPort {
  // Ctrl-C reaches the whole process group; the parent decides what ends, and its end is ours (`onClose`).
  process.on('SIGINT', () => {});
  const electron = (process as { readonly parentPort?: UtilityPort }).parentPort;
  return electron === undefined ? forkPort() : utilityPort(electron);
}

/** What Electron puts on `process` in a utility process. */
interface UtilityPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown }) => void): void;
}

/** Its end needs no watching: Electron ends its utility processes with the app. */
function utilityPort(port: UtilityPort): ParentPort {
  return {
    post: (frame) => port.postMessage(frame),
    onFrame: (listener) => port.on('message', ({ data }) => listener(data as DownFrame)),
    onClose: () => {},
  };
}

function forkPort(): ParentPort {
  return {
    post(frame) {
      if (process.connected) process.send?.(frame);
    },
    onFrame(listener) {
      process.on('message', listener as (message: unknown) => void);
    },
    onClose(listener) {
      process.on('disconnect', listener);
    },
  };
}
