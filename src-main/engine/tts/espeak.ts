/** espeak-ng compiled to WebAssembly, behind one function: text of one clause in, IPA out. */
import { SottoError } from '../../contract/errors.ts';

interface Worker {
  set_voice(name: string): number;
  /** A C string; only the first clause of the text is read. */
  convert_to_phonemes(text: string, ipa: boolean): { readonly ptr: number };
}

interface Module {
  readonly HEAPU8: Uint8Array;
  readonly eSpeakNGWorker: new () => Worker;
}

export type Espeak = (text: string) => string;

/** Opens espeak-ng with a voice ("en-us"). Throws unsupported-model for a voice it does not know. */
export async function openEspeak(voice: string): Promise<Espeak> {
  const imported: { readonly default: () => Promise<Module> } = await import(
    '@echogarden/espeak-ng-emscripten'
  );
  const module = await imported.default();
  const worker = new module.eSpeakNGWorker();
  if (worker.set_voice(voice) !== 0) {
    throw new SottoError(
      `espeak-ng knows no voice "${voice.slice(0, 40)}", which this voice needs. Choose another voice.`,
      {
        code: 'unsupported-model',
        stage: 'tts',
      },
    );
  }
  const decoder = new TextDecoder();
  return (text) => {
    const { ptr } = worker.convert_to_phonemes(text, true);
    if (ptr === 0) return '';
    const end = module.HEAPU8.indexOf(0, ptr);
    // Phonemes come joined by "_", which is a voice's padding: left in, it slows speech down by a sixth.
    // Language switches come as "(en)"; piper's training left them out too.
    return decoder
      .decode(module.HEAPU8.slice(ptr, end))
      .replace(/\([^)]*\)|_/g, '')
      .trim();
  };
}
