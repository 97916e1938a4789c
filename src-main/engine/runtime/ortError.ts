/**
 * ONNX Runtime's native errors as coded ones.
 *
 * They arrive as plain text in many wordings; without this a cut-off download reads as a C++ source line.
 * The rule: only the kind is taken from the text, never its contents, which may name tensors and paths.
 */
import type { Provider } from '../../contract/domain.ts';
import { type ErrorCode, SottoError } from '../../contract/errors.ts';

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** First match wins. The wordings are those of onnxruntime 1.30, seen on 2026-11-23. */
const KINDS: readonly (readonly [pattern: RegExp, code: ErrorCode, message: string])[] = [
  [
    /bad_?alloc|failed to allocate|out of memory|bad allocation/i,
    'out-of-memory',
    'There is not enough free memory for this model. Close other programs or choose a smaller model.',
  ],
  [
    /file doesn'?t exist|no such file|NO_SUCHFILE/i,
    'model-missing',
    'A model file is missing. Run `sotto models pull`.',
  ],
  [
    /protobuf|INVALID_PROTOBUF|invalid model|not a valid|verification failed|fail(ed)? to load|Load model .*failed|INVALID_GRAPH|flatbuffer|out of bounds|external (data|initializer)/i,
    'model-corrupt',
    'A model file is damaged or not a model Sotto can run. Run `sotto models verify`, then pull it again.',
  ],
];

/** A provider's own library or device is not there: "failed to load" then says nothing of the model. */
const PROVIDER_MISSING =
  /ExecutionProvider_|shared library|backend not found|webgpu_context|no available backend/i;

/** Turns what a session's create or run threw into a `SottoError`; one that is already coded is kept. */
export function ortError(error: unknown, provider: Provider): SottoError {
  if (error instanceof SottoError) return error;
  const text = textOf(error);
  const isProviders = provider !== 'cpu' && PROVIDER_MISSING.test(text);
  for (const [pattern, code, message] of isProviders ? [] : KINDS) {
    if (pattern.test(text)) return new SottoError(message, { code, stage: 'models', cause: error });
  }
  if (provider !== 'cpu') {
    return new SottoError(
      `The ${provider} provider failed; the CPU is used instead. Run \`sotto doctor\` for its verdict.`,
      { code: 'provider-failed', stage: 'models', retryable: true, cause: error },
    );
  }
  return new SottoError('The model could not be run. Run `sotto models verify` and try again.', {
    code: 'internal',
    stage: 'models',
    cause: error,
  });
}
