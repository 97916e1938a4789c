/**
 * The recognition leaf: `load` opens and warms the models, `listen` runs one recording through them.
 *
 * Without a warm-up the first words of the day cost 100 ms more (memory and code not there yet), and a
 * missing file shows as an error of the runtime that nobody can act on. The rule: after `load` the first
 * listen is as fast as the tenth; whatever is wrong with the files is said with the command that mends it.
 */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SottoError } from '../../contract/errors.ts';
import type { AsrLoad, LeafHandlers, LoadReport } from '../../contract/leaf.ts';
import { collectGarbage } from '../runtime/collectGarbage.ts';
import { listenFile } from './listenFile.ts';
import { listenHold } from './listenHold.ts';
import { asrRateHz, Moonshine } from './moonshine.ts';
import { SileroVad, vadWindowSamples } from './sileroVad.ts';

interface Loaded {
  readonly model: Moonshine;
  readonly vad: SileroVad;
}

/** The handlers of one leaf process. `load` again replaces the models; `listen` before it is refused. */
export function createAsrHandlers(): LeafHandlers<'asr'> {
  let loaded: Loaded | undefined;
  return {
    load: async (input, { signal }) => {
      const startedMs = performance.now();
      const next = await openModels(input, signal);
      const openedMs = performance.now();
      await warmUp(next, signal);
      const before = loaded;
      loaded = next;
      if (before !== undefined) await closeModels(before);
      return report(openedMs - startedMs, performance.now() - openedMs);
    },
    listen: async (input, context) => {
      if (loaded === undefined) {
        throw new SottoError(
          'Recognition was asked for before its model was loaded. This is a defect in Sotto.',
          {
            code: 'protocol',
            stage: 'asr',
          },
        );
      }
      const listen = input.mode === 'file' ? listenFile : listenHold;
      return listen(loaded.model, loaded.vad, input, context);
    },
  };
}

async function openModels(input: AsrLoad, signal: AbortSignal): Promise<Loaded> {
  const encoder = join(input.modelDir, 'encoder_model.ort');
  const decoder = join(input.modelDir, 'decoder_model_merged.ort');
  const tokenizer = join(input.modelDir, 'tokenizer.bin');
  for (const file of [encoder, decoder, tokenizer])
    await mustExist(file, 'sotto models pull moonshine-tiny-en');
  await mustExist(input.vadFile, 'sotto models pull silero-vad');
  signal.throwIfAborted();
  const options = { threads: input.threads, provider: 'cpu' as const };
  const vad = await opened('silero-vad', () => SileroVad.open(input.vadFile));
  try {
    signal.throwIfAborted();
    const bytes = await readFile(tokenizer);
    const model = await opened('moonshine-tiny-en', () =>
      Moonshine.open({ encoder, decoder, tokenizer: bytes }, options),
    );
    return { model, vad };
  } catch (error) {
    await vad.close();
    throw error;
  }
}

async function closeModels({ model, vad }: Loaded): Promise<void> {
  await model.close();
  await vad.close();
}

async function mustExist(file: string, remedy: string): Promise<void> {
  try {
    await access(file);
  } catch (cause) {
    throw new SottoError(`A file of the recognition model is missing: ${file}. Fetch it with "${remedy}".`, {
      code: 'model-missing',
      stage: 'asr',
      cause,
    });
  }
}

/** Gives a runtime's complaint about a file the words a user can act on. */
async function opened<T>(id: string, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (cause instanceof SottoError) throw cause;
    throw new SottoError(
      `The model ${id} cannot be opened; its files are damaged or of another kind. ` +
        `Check them with "sotto models verify ${id}", fetch them again with "sotto models pull ${id}".`,
      { code: 'model-corrupt', stage: 'asr', cause },
    );
  }
}

/** Runs everything once: as long as a usual question, so that memory is there, and with a draft. */
async function warmUp({ model, vad }: Loaded, signal: AbortSignal): Promise<void> {
  const warmSeconds = 4;
  const hum = new Float32Array(warmSeconds * asrRateHz);
  for (let i = 0; i < hum.length; i++) hum[i] = 0.05 * Math.sin((2 * Math.PI * 180 * i) / asrRateHz);
  const stream = vad.stream();
  for (let i = 0; i < 4; i++) await stream.next(hum.subarray(0, vadWindowSamples));
  for (let round = 0; round < 2; round++) {
    const { tokens } = await model.transcribe(hum, { signal });
    await model.transcribe(hum, { signal, draft: tokens.length > 0 ? tokens : [300, 301, 302, 303] });
  }
}

async function report(loadMs: number, warmMs: number): Promise<LoadReport> {
  await collectGarbage();
  return {
    loadMs,
    warmMs,
    provider: 'cpu',
    providerReason: 'the quantised recognition model is fastest on the processor',
    residentBytes: process.memoryUsage().rss,
  };
}
