/**
 * The only import of onnxruntime-node.
 *
 * ONNX Runtime's `run()` and `create()` block the thread they are called on, so nothing in the main process
 * may reach this file (dependency-cruiser checks it); the leaves call it and stay responsive by keeping each
 * run short. A graphics driver may fail in mid-turn: the same graph is then opened on the CPU and the run
 * repeated, so the turn goes on. Worst case: one run is paid twice, once.
 */
// Before onnxruntime-node, which reads the environment as it loads.
import './noTelemetry.ts';
import * as ort from 'onnxruntime-node';
import type { Provider } from '../../contract/domain.ts';
import { ortError } from './ortError.ts';

export type Tensor = ort.Tensor;
export const Tensor = ort.Tensor;
export type Feeds = { readonly [name: string]: ort.Tensor };
export type Fetched = { readonly [name: string]: ort.Tensor };

export interface OpenOptions {
  readonly threads: number;
  readonly provider: Provider;
  /** Told once when `provider` failed in a run and the CPU took over. */
  readonly onFallback?: (reason: string) => void;
}

/** A loaded graph. `run` resolves to freshly allocated outputs; inputs are used in place, without a copy. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs the graph; only the outputs named in `fetches` are computed and copied (all when absent). */
  run(feeds: Feeds, fetches?: readonly string[]): Promise<Fetched>;
  release(): Promise<void>;
}

/** The part of an ONNX Runtime session used here; tests give a failing one. */
export interface RawSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Feeds, fetches?: readonly string[]): Promise<Fetched>;
  release(): Promise<void>;
}

export type CreateRaw = (model: string | Uint8Array, options: OpenOptions) => Promise<RawSession>;

/**
 * Threads that spin while they wait steal the cores of the other leaves. Measured 2026-11-23 on Piper, 2 cores
 * shared with other work, 2 threads: without spinning 0.37-0.79 of the time and 0.55-0.57 of the CPU time alone,
 * 0.7 and 0.66 with two processes at once. The memory arena stays on: without it 1.2-1.3 times the CPU time.
 */
const QUIET_THREADS = { session: { intra_op: { allow_spinning: '0' } } };

const createRaw: CreateRaw = async (model, { provider, threads }) => {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
    extra: QUIET_THREADS,
  };
  const session =
    typeof model === 'string'
      ? await ort.InferenceSession.create(model, options)
      : await ort.InferenceSession.create(model, options);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run: (feeds, fetches) => (fetches === undefined ? session.run(feeds) : session.run(feeds, fetches)),
    release: () => session.release(),
  };
};

/**
 * Opens a model from a file path (external data resolves beside it) or from bytes. Fails with
 * `model-corrupt`, `model-missing`, `out-of-memory` or `provider-failed`. Cannot be aborted: it blocks.
 */
export async function openSession(
  model: string | Uint8Array,
  options: OpenOptions,
  create: CreateRaw = createRaw,
): Promise<Session> {
  let provider = options.provider;
  let raw = await create(model, options).catch((error: unknown) => {
    throw ortError(error, provider);
  });
  let replacing: Promise<void> | null = null;

  const replaceByCpu = async (error: unknown): Promise<void> => {
    const failed = raw;
    const cpu = await create(model, { ...options, provider: 'cpu' }).catch((second: unknown) => {
      throw ortError(second, 'cpu');
    });
    raw = cpu;
    options.onFallback?.(ortError(error, provider).message);
    provider = 'cpu';
    // The broken device may refuse even this; the process ends with the leaf either way.
    await failed.release().catch(() => {});
  };

  return {
    inputNames: raw.inputNames,
    outputNames: raw.outputNames,
    async run(feeds, fetches) {
      const used = raw;
      try {
        return await used.run(feeds, fetches);
      } catch (error) {
        if (used === raw && provider === 'cpu') throw ortError(error, provider);
        // Runs that failed together share one replacement.
        if (used === raw) {
          replacing ??= replaceByCpu(error);
          await replacing;
        }
      }
      return raw.run(feeds, fetches).catch((error: unknown) => {
        throw ortError(error, 'cpu');
      });
    },
    release: () => raw.release(),
  };
}
