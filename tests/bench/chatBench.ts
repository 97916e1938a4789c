/** Chat: time to the first token and decode speed, at a short and a long prompt, against node-llama-cpp. */
import { type LlamaPeer, startLlamaPeer } from '../helpers/llamaPeer.ts';
import { type BenchContext, median } from './context.ts';
import { type BenchRow, ratioRow } from './rows.ts';

const ROUNDS = 5;
const DECODED = 48;

/** A prompt that shares nothing with the one of another round, so that no cache helps. */
function prompt(round: number, filler: number): { system: string; user: string } {
  const words = Array.from(
    { length: filler },
    (_, i) => `Fact ${i}: the river is ${(i * 37 + round) % 97} miles long.`,
  );
  return {
    system: `${round} is the number of this session, and you answer.`,
    user: `${words.join(' ')} Tell me a long story about the sea.`.trim(),
  };
}

const rendered = ({ system, user }: { system: string; user: string }): string =>
  `<|im_start|>system\n${system}<|im_end|>\n<|im_start|>user\n${user}<|im_end|>\n<|im_start|>assistant\n`;

interface Measured {
  readonly firstMs: number;
  readonly tokensPerSecond: number;
  readonly promptTokens: number;
}

async function ours({ leaves }: BenchContext, round: number, filler: number): Promise<Measured> {
  const { system, user } = prompt(round, filler);
  const startedMs = performance.now();
  let firstMs = 0;
  const call = leaves.chat.call(
    'generate',
    {
      messages: [
        { role: 'system', content: system },
        { role: 'user', content: user },
      ],
      maxTokens: DECODED,
      sampling: { temperature: 0, repetitionPenalty: 1 },
    },
    {
      onEvent: (event) => {
        if (event.kind === 'text' && firstMs === 0) firstMs = performance.now() - startedMs;
      },
    },
  );
  const result = await call.result;
  return { firstMs, tokensPerSecond: result.decodeTokensPerSecond, promptTokens: result.promptTokens };
}

async function theirs(peer: LlamaPeer, round: number, filler: number): Promise<Measured> {
  const tokens = await peer.tokenize(rendered(prompt(round, filler)), true);
  const run = await peer.greedy(tokens, DECODED);
  return { firstMs: run.firstMs, tokensPerSecond: run.tokensPerSecond, promptTokens: tokens.length };
}

export async function chatBench(context: BenchContext): Promise<BenchRow[]> {
  const peer = context.withPeers ? await startLlamaPeer() : null;
  await peer?.load(context.modelFiles.chat, 4096);
  const rows: BenchRow[] = [];
  const sizes = [
    { filler: 0, rounds: ROUNDS * 2, first: { atLeast: 0.5, aim: 0.3 }, decode: { atLeast: 1.1, aim: 1.5 } },
    { filler: 106, rounds: ROUNDS, first: { atLeast: 0.6, aim: 0.45 }, decode: { atLeast: 1, aim: 1.3 } },
  ];
  for (const { filler, rounds, first, decode } of sizes) {
    const a: Measured[] = [];
    const b: Measured[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const mine = await ours(context, round + filler * 100, filler);
      const other = peer === null ? null : await theirs(peer, round + filler * 100, filler);
      if (round === 0) continue;
      a.push(mine);
      if (other !== null) b.push(other);
    }
    const tokens = a[0]?.promptTokens ?? 0;
    if (b[0] !== undefined && Math.abs(b[0].promptTokens - tokens) > 1) {
      throw new Error(`the prompts differ: ${tokens} and ${b[0].promptTokens} tokens`);
    }
    const firstRow = {
      id: `chat.first.${filler === 0 ? 'short' : 'long'}`,
      title: `time to first token, prompt of ${tokens} tokens`,
      unit: 'ms',
      ours: median(a.map((run) => run.firstMs)),
      samples: rounds,
    };
    const decodeRow = {
      id: `chat.decode.${filler === 0 ? 'short' : 'long'}`,
      title: `decode speed behind ${tokens} tokens`,
      unit: 'tokens/s',
      ours: median(a.map((run) => run.tokensPerSecond)),
      samples: rounds,
    };
    if (peer === null) rows.push(firstRow, decodeRow);
    else {
      const name = 'node-llama-cpp';
      rows.push(
        ratioRow({ ...firstRow, peer: { name, value: median(b.map((run) => run.firstMs)) } }, first, 'low'),
        ratioRow(
          { ...decodeRow, peer: { name, value: median(b.map((run) => run.tokensPerSecond)) } },
          decode,
          'high',
        ),
      );
    }
  }
  peer?.close();
  return rows;
}
