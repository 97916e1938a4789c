/**
 * node-llama-cpp in a process of its own: one JSON request a message, one answer. Its native code never
 * shares a process with ONNX Runtime's, and its threads end with it. It is installed by scripts/lib/peers.mjs.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Installed by set-up (scripts/lib/peers.mjs), outside the project's own packages. */
const entry = resolve('.cache/peers-node/node_modules/node-llama-cpp/dist/index.js');
const { getLlama } = await import(pathToFileURL(entry).href);

const llama = await getLlama({
  gpu: false,
  build: 'never',
  usePrebuiltBinaries: true,
  skipDownload: true,
  maxThreads: 2,
  logLevel: 'error',
  progressLogs: false,
});
let model;
let context;
let sequence;

const verbs = {
  async load({ modelFile, contextTokens }) {
    await context?.dispose();
    await model?.dispose();
    const startedMs = performance.now();
    model = await llama.loadModel({ modelPath: modelFile, gpuLayers: 0 });
    context = await model.createContext({
      contextSize: contextTokens,
      batchSize: 512,
      threads: 2,
      flashAttention: false,
    });
    sequence = context.getSequence();
    return { loadMs: performance.now() - startedMs };
  },
  /** Greedy tokens after `tokens`, with the times of the first and the others. */
  async greedy({ tokens, count }) {
    await sequence.clearHistory();
    const startedMs = performance.now();
    let firstMs = startedMs;
    const out = [];
    for await (const token of sequence.evaluate(tokens, { temperature: 0, yieldEogToken: true })) {
      if (out.length === 0) firstMs = performance.now();
      out.push(Number(token));
      if (out.length === count) break;
    }
    const decodeMs = performance.now() - firstMs;
    return {
      tokens: out,
      firstMs: firstMs - startedMs,
      tokensPerSecond: ((out.length - 1) * 1000) / decodeMs,
    };
  },
  /** Logits [vocabulary] of the token after `tokens`. */
  async logits({ tokens }) {
    await sequence.clearHistory();
    const last = tokens.length - 1;
    const results = await sequence.controlledEvaluate(
      tokens.map((token, i) => (i === last ? [token, { generateNext: { logits: true } }] : token)),
    );
    const map = results[last].next.logits;
    const out = [];
    for (const [token, logit] of map) out[token] = logit;
    return { logits: out };
  },
  async tokenize({ text, special }) {
    return { tokens: model.tokenize(text, special).map(Number) };
  },
};

process.on('message', async ({ id, verb, input }) => {
  try {
    process.send({ id, output: await verbs[verb](input) });
  } catch (error) {
    process.send({ id, error: String(error?.message ?? error) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ id: 0, output: {} });
