/** The caller's side of llamaPeer.mjs: llama.cpp as the reference that chat is compared with. */
import { type ChildProcess, fork } from 'node:child_process';
import { resolve } from 'node:path';

export interface GreedyRun {
  readonly tokens: readonly number[];
  readonly firstMs: number;
  readonly tokensPerSecond: number;
}

export interface LlamaPeer {
  load(modelFile: string, contextTokens: number): Promise<{ readonly loadMs: number }>;
  greedy(tokens: readonly number[], count: number): Promise<GreedyRun>;
  /** Logits [vocabulary] of the token after the last. */
  logits(tokens: readonly number[]): Promise<readonly number[]>;
  tokenize(text: string, special: boolean): Promise<readonly number[]>;
  close(): void;
}

interface Answer {
  readonly id: number;
  readonly output?: unknown;
  readonly error?: string;
}

/** Starts the reference; rejects when its process ends. */
export async function startLlamaPeer(): Promise<LlamaPeer> {
  const child: ChildProcess = fork(resolve('tests/helpers/llamaPeer.mjs'), {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let nextId = 0;
  const answer = (id: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
    });
  child.on('message', (message) => {
    const { id, output, error } = message as Answer;
    if (error === undefined) waiting.get(id)?.resolve(output);
    else waiting.get(id)?.reject(new Error(`llama.cpp: ${error}`));
    waiting.delete(id);
  });
  child.on('exit', (code) => {
    for (const { reject } of waiting.values()) reject(new Error(`llama.cpp ended with ${code}`));
    waiting.clear();
  });
  const ask = <T>(verb: string, input: object): Promise<T> => {
    nextId += 1;
    const result = answer(nextId) as Promise<T>;
    child.send({ id: nextId, verb, input });
    return result;
  };
  await answer(0);
  return {
    load: (modelFile, contextTokens) => ask('load', { modelFile, contextTokens }),
    greedy: (tokens, count) => ask('greedy', { tokens, count }),
    logits: async (tokens) => (await ask<{ logits: number[] }>('logits', { tokens })).logits,
    tokenize: async (text, special) =>
      (await ask<{ tokens: number[] }>('tokenize', { text, special })).tokens,
    close: () => child.disconnect(),
  };
}
