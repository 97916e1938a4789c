/**
 * The test a provider must pass before it may serve: load, right numbers, faster than the CPU.
 *
 * A driver can crash, hang or return garbage, so this runs only in a throw-away process
 * (src-main/leaves/probe.ts); the parent judges a death or a silence as a refusal (host/providers.ts).
 */
import type { Provider } from '../../contract/domain.ts';
import type { ProbeMeasurement } from '../../contract/probe.ts';
import { GraphBuilder } from '../../core/onnx/graphBuilder.ts';
import { type OpenOptions, openSession, type Session, Tensor } from './ort.ts';

/** Rows of the probe's input and its width: two matrix products of a small speech model's size. */
const ROWS = 32;
const WIDTH = 256;
/** float32 sums of 256 products in another order differ by about 1e-5; half-precision providers by 1e-2. */
const TOLERANCE = 2e-2;
const RUNS = 5;

/** Numbers in [-1, 1) that are the same everywhere. */
function pattern(count: number, step: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((i * step) % 2003) / 1001.5 - 1);
}

/** MatMul → Softmax → MatMul, as in attention. */
export function probeGraph(): Uint8Array {
  const graph = new GraphBuilder('probe');
  const x = graph.input('x', 'float', [ROWS, WIDTH]);
  const weight = graph.constant('w', pattern(WIDTH * WIDTH, 7919), [WIDTH, WIDTH]);
  const product = graph.node('MatMul', [x, weight]);
  const soft = graph.node('Softmax', [product], { axis: -1 });
  graph.nodes('MatMul', [soft, weight], ['y']);
  graph.output('y', 'float', [ROWS, WIDTH]);
  return graph.finish();
}

async function measure(session: Session): Promise<{ readonly y: Float32Array; readonly runMs: number }> {
  const feeds = { x: new Tensor('float32', pattern(ROWS * WIDTH, 104_729), [ROWS, WIDTH]) };
  let y = (await session.run(feeds)).y?.data as Float32Array;
  let runMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i += 1) {
    const startMs = performance.now();
    y = (await session.run(feeds)).y?.data as Float32Array;
    runMs = Math.min(runMs, performance.now() - startMs);
  }
  return { y, runMs };
}

/** Best of a few runs on the CPU and on `provider`, and the largest difference between their numbers. */
export async function probe(provider: Provider): Promise<ProbeMeasurement> {
  const graph = probeGraph();
  let fellBack: string | null = null;
  const options: OpenOptions = {
    threads: 2,
    provider,
    onFallback: (reason) => {
      fellBack = reason;
    },
  };
  const cpu = await measure(await openSession(graph, { threads: 2, provider: 'cpu' }));
  const other = await measure(await openSession(graph, options));
  let worst = 0;
  for (let i = 0; i < cpu.y.length; i += 1) {
    const difference = Math.abs((cpu.y[i] ?? 0) - (other.y[i] ?? Number.NaN));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  return {
    provider,
    cpuMs: cpu.runMs,
    providerMs: other.runMs,
    worstDifference: worst,
    tolerance: TOLERANCE,
    fellBack,
  };
}
