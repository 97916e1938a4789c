/**
 * One error class for everything a user may meet.
 *
 * Without it every layer invents its own strings, a failed stage cannot be told from a cancelled one, and
 * an error that crosses a process boundary loses all but its message. The rule: whatever fails throws a
 * `SottoError` whose message says what happened *and what to do*; cancellation is not an error (the
 * `AbortSignal`'s reason is rethrown as it is). Messages never hold what was said or typed.
 */

/** Where in the product the failure belongs. */
export type Stage = 'setup' | 'models' | 'device' | 'asr' | 'chat' | 'tts' | 'flow' | 'host' | 'cli';

/** Stable codes: programs and translations key on them, so they are never renamed. */
export type ErrorCode =
  // input
  | 'bad-argument'
  | 'bad-file'
  | 'unsupported-format'
  | 'unsupported-model'
  | 'unknown-model'
  | 'model-missing'
  | 'model-corrupt'
  | 'unspeakable-symbol'
  | 'nothing-to-say'
  | 'nothing-heard'
  | 'context-overflow'
  // machine
  | 'no-microphone'
  | 'no-speaker'
  | 'device-lost'
  | 'disk-full'
  | 'not-writable'
  | 'out-of-memory'
  | 'network'
  | 'checksum'
  | 'licence-not-accepted'
  | 'provider-failed'
  // processes
  | 'leaf-crashed'
  | 'leaf-hung'
  | 'leaf-flooded'
  | 'leaf-unavailable'
  | 'protocol'
  | 'internal';

export interface SottoErrorFields {
  readonly code: ErrorCode;
  readonly stage: Stage;
  /** True when the same call may succeed if made again unchanged. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** The form in which an error crosses a process or network boundary. */
export interface WireError {
  readonly code: ErrorCode;
  readonly stage: Stage;
  readonly retryable: boolean;
  readonly message: string;
}

export class SottoError extends Error {
  override readonly name = 'SottoError';
  readonly code: ErrorCode;
  readonly stage: Stage;
  readonly retryable: boolean;

  constructor(message: string, fields: SottoErrorFields) {
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = fields.code;
    this.stage = fields.stage;
    this.retryable = fields.retryable ?? false;
  }
}

/** Turns anything thrown into its wire form; a foreign error becomes `internal` of the given stage. */
export function toWireError(error: unknown, stage: Stage): WireError {
  if (error instanceof SottoError) {
    return { code: error.code, stage: error.stage, retryable: error.retryable, message: error.message };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'internal', stage, retryable: false, message };
}

export function fromWireError(wire: WireError): SottoError {
  return new SottoError(wire.message, wire);
}

/** Makes a switch over a union exhaustive: adding a member breaks the compilation, not the run. */
export function assertNever(value: never, what: string): never {
  throw new SottoError(`Unexpected ${what}: ${JSON.stringify(value)}. This is a defect in Sotto.`, {
    code: 'internal',
    stage: 'flow',
  });
}
