/** The real leaves with the real default models, as the command line starts them. */
import { join } from 'node:path';
import type { LeafName } from '../../src-main/contract/leaf.ts';
import { openStore } from '../../src-main/engine/models/store.ts';
import { forkSpawner } from '../../src-main/host/forkSpawner.ts';
import { createLeaves, type Leaves } from '../../src-main/host/leaves.ts';

export interface RealEngine {
  readonly leaves: Leaves;
  readonly voiceRateHz: number;
}

/** Starts and loads the named leaves; the caller stops them. */
export async function startRealEngine(
  names: readonly LeafName[],
  env: { readonly [name: string]: string } = {},
): Promise<RealEngine> {
  const store = openStore();
  const leaves = createLeaves(forkSpawner({ entriesDir: join(process.cwd(), 'dist/leaves'), env }));
  const runtime = { threads: 2, provider: 'cpu' } as const;
  const voice = store.folder('piper-en_US-joe-medium');
  const loads = {
    asr: () =>
      leaves.asr.call('load', {
        ...runtime,
        family: 'moonshine',
        modelDir: store.folder('moonshine-tiny-en'),
        vadFile: join(store.folder('silero-vad'), 'silero_vad.onnx'),
      }).result,
    chat: () =>
      leaves.chat.call('load', {
        ...runtime,
        modelFile: join(store.folder('smollm2-135m-instruct-q4_1'), 'SmolLM2-135M-Instruct.Q4_1.gguf'),
        compiledDir: store.compiledDir,
      }).result,
    tts: () =>
      leaves.tts.call('load', {
        ...runtime,
        family: 'piper',
        modelFile: join(voice, 'en_US-joe-medium.onnx'),
        configFile: join(voice, 'en_US-joe-medium.onnx.json'),
      }).result,
  };
  await Promise.all(names.map((name) => loads[name]()));
  return { leaves, voiceRateHz: 22_050 };
}
