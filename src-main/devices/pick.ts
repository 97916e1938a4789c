/** The machine's own default microphone and speaker, through the native back end that loads here. */
import { SottoError } from '../contract/errors.ts';
import { decibriInput } from './decibriInput.ts';
import { decibriOutput } from './decibriOutput.ts';
import { loadDecibri } from './decibriTypes.ts';
import type { AudioInput, AudioOutput } from './ports.ts';
import { hasSoundSystem } from './soundSystem.ts';

/** @throws SottoError `no-microphone`; a device that is there but cannot be opened says so when opened */
export async function pickInput(): Promise<AudioInput> {
  const decibri = hasSoundSystem() ? await loadDecibri() : null;
  if (decibri !== null) return decibriInput(decibri, 'default microphone');
  throw new SottoError('No microphone was found. Connect one, or give a recording with --in FILE.', {
    code: 'no-microphone',
    stage: 'device',
  });
}

/** @throws SottoError `no-speaker`; a device that is there but cannot be opened says so when opened */
export async function pickOutput(): Promise<AudioOutput> {
  const decibri = hasSoundSystem() ? await loadDecibri() : null;
  if (decibri !== null) return decibriOutput(decibri, 'default speaker');
  throw new SottoError('No speaker was found. Connect one, or write to a file with --out FILE.wav.', {
    code: 'no-speaker',
    stage: 'device',
  });
}
