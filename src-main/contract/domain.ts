/** Words of the domain that more than one process speaks. All of it survives a structured clone. */

/** A stretch of recognised speech. Times count from the first sample of the recording. */
export interface TranscriptSegment {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** Half-open range of UTF-16 code units in the text the caller gave. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/** One spoken word: its characters in the caller's original text and its samples in the produced audio. */
export interface WordTiming extends TextSpan {
  readonly text: string;
  /** Sample range in the audio of this request, at the request's output rate, half open. */
  readonly startSample: number;
  readonly endSample: number;
}

export type ChatRole = 'system' | 'user' | 'assistant';

export interface ChatMessage {
  readonly role: ChatRole;
  readonly content: string;
}

/** How the next token is drawn. Absent fields take the model's or the product's default. */
export interface SamplingOptions {
  /** 0 is greedy; default 0.7. */
  readonly temperature?: number;
  /** Keep the k most likely; 0 keeps all; default 40. */
  readonly topK?: number;
  /** Keep the smallest set whose probability reaches p; 1 keeps all; default 0.95. */
  readonly topP?: number;
  /** Drop tokens below this share of the most likely one; 0 keeps all; default 0.05. */
  readonly minP?: number;
  /** Divides (multiplies, where negative) the logits of the last 64 tokens; 1 is off; default 1.1. */
  readonly repetitionPenalty?: number;
  /**
   * The same seed gives the same answer on the same machine and model, from the same cached beginning (what
   * was prefilled in other pieces is rounded otherwise). Random when absent.
   */
  readonly seed?: number;
}

/** Where inference runs. `auto` takes the best one that passed its probe. */
export type Provider = 'cpu' | 'cuda' | 'dml' | 'coreml' | 'webgpu';
export type ProviderChoice = Provider | 'auto';

/**
 * Marks of one turn in milliseconds of one monotonic clock, counted from key down (which is 0).
 * The window's meters, `sotto talk --json`, the benchmarks and the tests all read this record.
 */
export type MarkName =
  | 'keyDown'
  | 'firstBlock'
  | 'keyUp'
  | 'lastSpeech'
  | 'asrFinal'
  | 'firstToken'
  | 'firstClause'
  | 'firstAudio'
  | 'firstAudible';

export type Marks = { readonly [name in MarkName]?: number };
