/**
 * Silero voice activity detection: the probability that a 32 ms window holds speech.
 *
 * Energy alone takes a fan for speech and a soft consonant for a pause. The rule: windows are consecutive, and
 * each run sees the last 64 samples of the one before (the model card demands it; without them the
 * probabilities are wrong with no error). About 0.1 ms a window (2 cores, 2026-11-23).
 */
import { SottoError } from '../../contract/errors.ts';
import { openSession, type Session, Tensor } from '../runtime/ort.ts';

/** Fixed by the model at 16 kHz. */
export const vadWindowSamples = 512;
const contextSamples = 64;
/** LSTM state [2, 1, 128]. */
const stateDims = [2, 1, 128] as const;

export class SileroVad {
  readonly #session: Session;
  readonly #rate = new Tensor('int64', [16_000n], []);

  private constructor(session: Session) {
    this.#session = session;
  }

  static async open(file: string): Promise<SileroVad> {
    // One thread: the graph is far too small to share, and the CPU provider is always the fastest for it.
    const session = await openSession(file, { threads: 1, provider: 'cpu' });
    if (!['input', 'state', 'sr'].every((name) => session.inputNames.includes(name))) {
      await session.release();
      throw new SottoError(
        'The voice activity model is not Silero VAD 5 or later. Fetch it again: "sotto models pull silero-vad".',
        { code: 'unsupported-model', stage: 'asr' },
      );
    }
    return new SileroVad(session);
  }

  /** A detector for one recording; many may be used side by side. */
  stream(): VadStream {
    return new VadStream(this.#session, this.#rate);
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

export class VadStream {
  readonly #session: Session;
  readonly #rate: Tensor;
  readonly #window = new Float32Array(contextSamples + vadWindowSamples);
  #state: Tensor = new Tensor('float32', new Float32Array(256), [...stateDims]);

  constructor(session: Session, rate: Tensor) {
    this.#session = session;
    this.#rate = rate;
  }

  /** Speech probability of the next 512 samples. Calls must not overlap. */
  async next(window: Float32Array): Promise<number> {
    this.#window.copyWithin(0, vadWindowSamples);
    this.#window.set(window, contextSamples);
    const outputs = await this.#session.run({
      input: new Tensor('float32', this.#window, [1, this.#window.length]),
      state: this.#state,
      sr: this.#rate,
    });
    const state = outputs.stateN;
    const probability = outputs.output?.data[0];
    if (state === undefined || typeof probability !== 'number') {
      throw new SottoError('The voice activity model gave no probability.', {
        code: 'unsupported-model',
        stage: 'asr',
      });
    }
    this.#state = state;
    return probability;
  }
}
