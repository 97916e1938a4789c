/**
 * What a flow knows of microphones and speakers. Times are `performance.now()` milliseconds of the main
 * process, so that marks from devices and flows share one clock.
 */

/** Every input hands out 16 kHz mono, whatever the device runs at. */
export const INPUT_RATE_HZ = 16_000;

export interface CapturedBlock {
  /** 16 kHz mono in [-1, 1]; the array is the receiver's. */
  readonly pcm: Float32Array;
  /** When the block's last sample was captured. */
  readonly capturedAtMs: number;
}

export interface OpenInput {
  /** Ends when the input is closed or has no more; throws `device-lost` when the device goes away. */
  readonly blocks: AsyncIterable<CapturedBlock>;
  close(): Promise<void>;
}

export interface AudioInput {
  readonly name: string;
  /** @throws SottoError `no-microphone` */
  open(signal: AbortSignal): Promise<OpenInput>;
}

export interface OpenOutput {
  /**
   * Queues samples at the output's rate. Resolves at once while less than about two seconds are waiting,
   * else when there is room again; so a writer is never far ahead of the ear.
   */
  write(pcm: Float32Array): Promise<void>;
  /** Samples that have left the device since it was opened. */
  playedSamples(): number;
  /** When the first written sample left the device; null before. */
  startedAtMs(): number | null;
  /** Resolves when everything written was played, or at once after `stop`. */
  drained(): Promise<void>;
  /** Silence now. What was waiting is dropped; returns the samples that were heard. */
  stop(): number;
  close(): Promise<void>;
}

export interface AudioOutput {
  readonly name: string;
  /** @throws SottoError `no-speaker` */
  open(rateHz: number, signal: AbortSignal): Promise<OpenOutput>;
}
