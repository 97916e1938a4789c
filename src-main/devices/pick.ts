/** The machine's own microphone and speaker, through whichever native back end loads here. */
import { SottoError } from '../contract/errors.ts';
import type { AudioInput, AudioOutput } from './ports.ts';

/** @throws SottoError `no-microphone` */
export async function pickInput(): Promise<AudioInput> {
  throw new SottoError('No microphone can be opened here. Connect one, or give a recording with --in FILE.', {
    code: 'no-microphone',
    stage: 'device',
  });
}

/** @throws SottoError `no-speaker` */
export async function pickOutput(): Promise<AudioOutput> {
  throw new SottoError(
    'No speaker can be opened here. Connect one, or write to a file with --out FILE.wav.',
    {
      code: 'no-speaker',
      stage: 'device',
    },
  );
}
