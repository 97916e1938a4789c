/**
 * Turns ONNX Runtime's telemetry off, before ONNX Runtime is loaded.
 *
 * Since 1.29 the published Linux and macOS libraries write a device id and an event store under the user's
 * cache folder and upload model names and run times, on by default (microsoft/onnxruntime PR 27379). The
 * variable is read once, when the library starts, so this module must be imported first; the host's
 * hermetic environment sets it too. tests/process/privacy.test.ts proves that nothing is written or sent.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
/** The older name, still read by some builds. */
process.env.ORT_TELEMETRY_DISABLED = '1';
