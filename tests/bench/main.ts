/** `npm run bench`: one table and a JSON file, with what they were measured on. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openStore } from '../../src-main/engine/models/store.ts';
import { threadsPerLeaf } from '../../src-main/host/leaves.ts';
import { startRealEngine } from '../helpers/engine.ts';
import { asrBench } from './asrBench.ts';
import { chatBench } from './chatBench.ts';
import type { BenchSection } from './context.ts';
import { memoryBench } from './memoryBench.ts';
import { type BenchRow, renderTable } from './rows.ts';
import { fileHash, machineStamp } from './stamp.ts';
import { startBench } from './startBench.ts';
import { ttsBench } from './ttsBench.ts';
import { turnBench } from './turnBench.ts';

const SECTIONS: { readonly [name: string]: BenchSection } = {
  asr: asrBench,
  chat: chatBench,
  tts: ttsBench,
  turn: turnBench,
  memory: memoryBench,
  start: startBench,
};

const HELP = `npm run bench -- [--peers] [--section NAME]… [--turns N] [--json FILE]

Sections: ${Object.keys(SECTIONS).join(', ')} (all when none is named).
--peers   also node-llama-cpp, piper-tts and moonshine-voice, alternating with ours on the same weights
--turns   measured turns (default 61: a 95th percentile needs 59)
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      peers: { type: 'boolean' },
      section: { type: 'string', multiple: true },
      turns: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  const names = values.section ?? Object.keys(SECTIONS);
  const unknown = names.filter((name) => !Object.hasOwn(SECTIONS, name));
  if (unknown.length > 0) throw new Error(`There is no section ${unknown.join(', ')}.\n${HELP}`);
  const store = openStore();
  const folder = (id: string): string => store.folder(id);
  const modelFiles = {
    asrDir: folder('moonshine-tiny-en'),
    chat: join(folder('smollm2-135m-instruct-q4_1'), 'SmolLM2-135M-Instruct.Q4_1.gguf'),
    voice: join(folder('piper-en_US-joe-medium'), 'en_US-joe-medium.onnx'),
    voiceConfig: join(folder('piper-en_US-joe-medium'), 'en_US-joe-medium.onnx.json'),
  };
  const threads = threadsPerLeaf(availableParallelism());
  const stamp = machineStamp(new Date(), loadavg()[0] ?? 0);
  const cacheDir = '.cache/bench';
  await mkdir(cacheDir, { recursive: true });
  const engine = await startRealEngine(['asr', 'chat', 'tts']);
  const rows: BenchRow[] = [];
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`);
  };
  try {
    for (const name of names) {
      say(`${name} …`);
      const section = SECTIONS[name] as BenchSection;
      const context = {
        leaves: engine.leaves,
        voiceRateHz: engine.voiceRateHz,
        threads,
        withPeers: values.peers === true,
        cacheDir,
        modelFiles,
        turns: Number(values.turns ?? 61),
        say,
      };
      rows.push(...(await section(context)));
    }
  } finally {
    engine.leaves.stop();
  }
  const hashes = Object.fromEntries(
    await Promise.all(
      [modelFiles.chat, modelFiles.voice].map(async (file) => [
        file.split(/[\\/]/).at(-1),
        await fileHash(file),
      ]),
    ),
  );
  const line = `${stamp.cpu}, ${stamp.cores} cores, ${Math.round(stamp.memoryBytes / 1e9)} GB, ${stamp.os}, Node ${stamp.node}, ${stamp.date}; ${threads} threads, processor; load ${stamp.loadAverage1.toFixed(1)} at the start`;
  process.stdout.write(
    `${line}\n${Object.entries(hashes)
      .map(([name, hash]) => `${name} ${String(hash).slice(0, 16)}…\n`)
      .join('')}\n${renderTable(rows)}\n`,
  );
  const file = values.json ?? join(cacheDir, 'bench.json');
  await writeFile(
    file,
    JSON.stringify({ stamp: { ...stamp, threads, provider: 'cpu', models: hashes }, rows }, null, 2),
  );
  say(`\nwritten to ${file}`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
});
