/**
 * The machine's microphone through decibri: 20 ms blocks, 16 kHz mono, resampled by the library.
 *
 * A device that goes away must end the turn with a clear error instead of a silence that looks like a
 * pause; a reader that falls behind loses nothing, because blocks wait in a list of its own.
 */
import { SottoError } from '../contract/errors.ts';
import { createAsyncQueue } from '../core/asyncQueue.ts';
import type { Decibri, DecibriMicrophone } from './decibriTypes.ts';
import { type AudioInput, type CapturedBlock, INPUT_RATE_HZ } from './ports.ts';

const BLOCK_SAMPLES = INPUT_RATE_HZ / 50;
/** A device that has not delivered by then never will. */
const FIRST_BLOCK_MS = 2000;
/** Without a block for this long the device is gone, whatever it says. */
const SILENT_DEVICE_MS = 1500;

export function decibriInput(decibri: Decibri, name: string): AudioInput {
  return {
    name,
    async open() {
      let microphone: DecibriMicrophone;
      try {
        microphone = await decibri.Microphone.open({
          sampleRate: INPUT_RATE_HZ,
          channels: 1,
          framesPerBuffer: BLOCK_SAMPLES,
          dtype: 'float32',
        });
      } catch (cause) {
        throw new SottoError(
          `The microphone “${name}” cannot be opened. Check that it is connected and that no other program holds it.`,
          {
            code: 'no-microphone',
            stage: 'device',
            retryable: true,
            cause,
          },
        );
      }
      const blocks = createAsyncQueue<CapturedBlock>(Number.POSITIVE_INFINITY);
      const lost = (): void =>
        blocks.fail(
          new SottoError(`The microphone “${name}” stopped delivering sound. Connect it again.`, {
            code: 'device-lost',
            stage: 'device',
            retryable: true,
          }),
        );
      let timer = setTimeout(lost, FIRST_BLOCK_MS);
      microphone.on('data', (chunk) => {
        clearTimeout(timer);
        timer = setTimeout(lost, SILENT_DEVICE_MS);
        // The library reuses its buffer: this copy is the block's own.
        const pcm = new Float32Array(chunk.length / 4);
        for (let i = 0; i < pcm.length; i += 1) pcm[i] = chunk.readFloatLE(i * 4);
        void blocks.push({ pcm, capturedAtMs: performance.now() });
      });
      microphone.on('error', lost);
      // After our own close this comes too late to matter.
      microphone.on('end', lost);
      return {
        blocks,
        close: async () => {
          clearTimeout(timer);
          blocks.close();
          microphone.stop();
        },
      };
    },
  };
}
