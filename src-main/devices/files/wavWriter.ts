/** A WAV file written as its audio is made, so that an hour of speech needs no more memory than a second. */
import { encodePcm16, wavHeader } from '../../core/audio/wav.ts';
import { openWhole } from './writeWhole.ts';

export interface WavWriter {
  write(pcm: Float32Array): Promise<void>;
  /** The file appears, whole. */
  finish(): Promise<void>;
  /** Nothing appears. */
  discard(): Promise<void>;
}

/** 16-bit mono. @throws here and in every step: SottoError `not-writable` or `disk-full` */
export async function openWavWriter(path: string, rateHz: number): Promise<WavWriter> {
  const file = await openWhole(path);
  let samples = 0;
  // Writers need not wait for each other: blocks go out in the order they came.
  let written: Promise<void> = Promise.resolve();
  // A pipe's reader cannot be told the length later; "unknown" lets it read on to the end.
  await file.append(wavHeader(rateHz, undefined));
  return {
    write(pcm) {
      samples += pcm.length;
      written = written.then(() => file.append(encodePcm16(pcm)));
      return written;
    },
    async finish() {
      await written;
      await file.patch(wavHeader(rateHz, samples), 0);
      await file.finish();
    },
    discard: () => file.discard(),
  };
}
