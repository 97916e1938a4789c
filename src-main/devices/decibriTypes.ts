/** The part of decibri that is used; it is an optional dependency and loaded only when a device is wanted. */

export interface DecibriMicrophone {
  on(event: 'data', listener: (chunk: Buffer) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'end', listener: () => void): void;
  stop(): void;
}

export interface DecibriSpeaker {
  writeAsync(chunk: Buffer): Promise<void>;
  /** Resolves when the device has played all that was queued. */
  drainAsync(): Promise<void>;
  stop(): void;
}

export interface DecibriDevice {
  readonly name: string;
  readonly isDefault: boolean;
}

export interface Decibri {
  readonly Microphone: {
    open(options: {
      sampleRate: number;
      channels: number;
      framesPerBuffer: number;
      dtype: 'float32';
    }): Promise<DecibriMicrophone>;
    devices(): DecibriDevice[];
  };
  readonly Speaker: {
    open(options: { sampleRate: number; channels: number; dtype: 'float32' }): Promise<DecibriSpeaker>;
    devices(): DecibriDevice[];
  };
}

/** The library, or null where its native part does not load. */
export async function loadDecibri(): Promise<Decibri | null> {
  try {
    return (await import('decibri')) as unknown as Decibri;
  } catch {
    return null;
  }
}
