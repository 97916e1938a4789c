/**
 * The only import of onnxruntime-node.
 *
 * ONNX Runtime's `run()` and `create()` block the thread they are called on, so nothing in the main process
 * may reach this file (dependency-cruiser checks it); the leaves call it and stay responsive by keeping each
 * run short.
 */
// Before onnxruntime-node, which reads the environment as it loads.
import './noTelemetry.ts';
import * as ort from 'onnxruntime-node';
import type { Provider } from '../../contract/domain.ts';

export type Tensor = ort.Tensor;
export const Tensor = ort.Tensor;
export type Feeds = { readonly [name: string]: ort.Tensor };
export type Fetched = { readonly [name: string]: ort.Tensor };

export interface OpenOptions {
  readonly threads: number;
  readonly provider: Provider;
}

/** A loaded graph. `run` resolves to freshly allocated outputs; inputs are used in place, without a copy. */
export interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  /** Runs the graph; only the outputs named in `fetches` are computed and copied (all when absent). */
  run(feeds: Feeds, fetches?: readonly string[]): Promise<Fetched>;
  release(): Promise<void>;
}

/** Opens a model from a file path (external data resolves beside it) or from bytes. */
export async function openSession(model: string | Uint8Array, options: OpenOptions): Promise<Session> {
  const sessionOptions: ort.InferenceSession.SessionOptions = {
    executionProviders: [options.provider],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  };
  const session =
    typeof model === 'string'
      ? await ort.InferenceSession.create(model, sessionOptions)
      : await ort.InferenceSession.create(model, sessionOptions);
  return {
    inputNames: session.inputNames,
    outputNames: session.outputNames,
    run: (feeds, fetches) => (fetches === undefined ? session.run(feeds) : session.run(feeds, fetches)),
    release: () => session.release(),
  };
}
