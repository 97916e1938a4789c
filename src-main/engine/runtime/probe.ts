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

/** Tokens of the probe's input, width of the products, keys looked at: a layer of a small language model. */
const ROWS = 16;
const WIDTH = 1024;
const KEYS = 256;
/** Weights that share a scale, as the chat engine packs them. */
const BLOCK = 32;
/** Two rounds, as half of the time of a real layer is spent in its second product. */
const PRODUCTS = 2;
/**
 * Of numbers in about [-1, 1]. The kernels round the inputs of 8-bit products, each in its own way, which
 * moves single outputs by 0.054 (WebGPU in software against the CPU, 2026-11-23); wrong numbers are off by 1.
 */
const TOLERANCE = 0.1;
const RUNS = 5;

/** Numbers in [-1, 1) that are the same everywhere. */
function pattern(count: number, step: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((i * step) % 2003) / 1001.5 - 1);
}

/** A product with 8-bit weights, the chat engine's kernel; its results have a spread of about one. */
function quantisedProduct(graph: GraphBuilder, x: string, round: number): string {
  const blocks = WIDTH / BLOCK;
  const rows = Uint8Array.from(pattern(WIDTH * WIDTH, 7919 + 2 * round), (value) => 128 + value * 127);
  const scales = new Float32Array(WIDTH * blocks).fill(3 / (127 * Math.sqrt(WIDTH)));
  return graph.node(
    'MatMulNBits',
    [
      x,
      graph.constant(`w${round}`, rows, [WIDTH, blocks, BLOCK]),
      graph.constant(`s${round}`, scales, [WIDTH, blocks]),
    ],
    { K: WIDTH, N: WIDTH, bits: 8, block_size: BLOCK, accuracy_level: 4 },
    'com.microsoft',
  );
}

/** Quantised products, then MatMul → Softmax → MatMul as in attention. */
export function probeGraph(): Uint8Array {
  const graph = new GraphBuilder('probe');
  let x = graph.input('x', 'float', [ROWS, WIDTH]);
  for (let round = 0; round < PRODUCTS; round += 1)
    x = graph.node('Tanh', [quantisedProduct(graph, x, round)]);
  const keys = graph.constant('keys', pattern(WIDTH * KEYS, 7907), [WIDTH, KEYS]);
  const values = graph.constant('values', pattern(KEYS * WIDTH, 7901), [KEYS, WIDTH]);
  const scores = graph.node(
    'FusedMatMul',
    [x, keys],
    { alpha: { float: 1 / Math.sqrt(WIDTH) } },
    'com.microsoft',
  );
  const shares = graph.node('Softmax', [scores], { axis: -1 });
  graph.nodes('Add', [graph.node('MatMul', [shares, values]), x], ['y']);
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
