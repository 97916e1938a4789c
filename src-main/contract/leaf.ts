/**
 * What each leaf process can be asked. One map a leaf: method -> { input, push, event, output }.
 *
 * `push` messages flow from caller to leaf while the request is open (audio blocks), `event` messages flow
 * back (partials, tokens, audio), `output` ends it. Everything is structured-clone safe; audio is always
 * Float32Array mono in [-1, 1]. The host adds ids, generation numbers, cancel and ping (host/protocol.ts).
 */
import type {
  ChatMessage,
  Provider,
  ProviderChoice,
  SamplingOptions,
  TranscriptSegment,
  WordTiming,
} from './domain.ts';

export type LeafName = 'asr' | 'chat' | 'tts';

export interface MethodShape {
  readonly input: unknown;
  readonly push: unknown;
  readonly event: unknown;
  readonly output: unknown;
}

/** Given with every load. Paths are absolute; the parent resolves model ids, a leaf knows only files. */
export interface RuntimeOptions {
  /** Intra-op threads of this leaf's sessions. */
  readonly threads: number;
  readonly provider: ProviderChoice;
}

export interface LoadReport {
  readonly loadMs: number;
  readonly warmMs: number;
  readonly provider: Provider;
  /** Why this provider and not a faster one; shown by `sotto doctor`. */
  readonly providerReason: string;
  readonly residentBytes: number;
}

// ---------------------------------------------------------------- asr

export interface AsrLoad extends RuntimeOptions {
  /** Folder with encoder_model.ort, decoder_model_merged.ort, tokenizer.bin. */
  readonly modelDir: string;
  readonly vadFile: string;
  readonly family: 'moonshine';
}

export interface AsrListen {
  /**
   * `hold`: a held key; a pause yields a `trial` and listening goes on until `end`.
   * `file`: a recording faster than real time; segments are final as soon as they are cut, no trials.
   */
  readonly mode: 'hold' | 'file';
  /** Emit `partial` events (default true in `hold`, false in `file`). */
  readonly partials?: boolean;
}

export type AsrPush =
  /** 16 kHz mono. Any length; blocks need not align to anything. */
  | { readonly kind: 'audio'; readonly pcm: Float32Array }
  /** No more audio: finish the tail. */
  | { readonly kind: 'end' };

export type AsrEvent =
  | { readonly kind: 'speechStarted'; readonly atMs: number }
  /** Whole text so far; each one extends the last (only ever grows within a listen). */
  | { readonly kind: 'partial'; readonly text: string }
  /**
   * The speaker paused: if nothing more is said, `text` is the final transcript and `lastSpeechMs` its end.
   * A later `resumed` with the same revision takes it back.
   */
  | {
      readonly kind: 'trial';
      readonly revision: number;
      readonly text: string;
      readonly lastSpeechMs: number;
    }
  | { readonly kind: 'resumed'; readonly revision: number }
  /** `file` only: audio up to here was taken in; a caller paces itself by it, so that memory stays bounded. */
  | { readonly kind: 'consumed'; readonly atMs: number }
  /** A cut stretch is settled and will not change any more. */
  | { readonly kind: 'segment'; readonly segment: TranscriptSegment };

export interface AsrResult {
  /** Empty when nothing was heard. */
  readonly text: string;
  readonly segments: readonly TranscriptSegment[];
  /** End of the last speech sample in ms from the first sample; null when nothing was heard. */
  readonly lastSpeechMs: number | null;
  readonly audioMs: number;
  /** Revision of the trial this result equals word for word, if one still stood when the audio ended. */
  readonly confirmsTrial: number | null;
}

export interface AsrMethods {
  readonly load: {
    readonly input: AsrLoad;
    readonly push: never;
    readonly event: never;
    readonly output: LoadReport;
  };
  readonly listen: {
    readonly input: AsrListen;
    readonly push: AsrPush;
    readonly event: AsrEvent;
    readonly output: AsrResult;
  };
}

// ---------------------------------------------------------------- chat

export interface ChatLoad extends RuntimeOptions {
  /** The .gguf file. */
  readonly modelFile: string;
  /** Where the compiled graph is kept, one folder a file hash. */
  readonly compiledDir: string;
  /** `fast` requantises to what the kernels like; `exact` keeps the file's numbers. Default `fast`. */
  readonly form?: 'fast' | 'exact';
  /** Tokens of context kept; capped by the model's own. Default 4096. */
  readonly contextTokens?: number;
}

/** Progress of the one-time compilation. */
export interface ChatLoadEvent {
  readonly kind: 'compiling';
  /** 0 … 1. */
  readonly done: number;
}

export interface ChatGenerate {
  readonly messages: readonly ChatMessage[];
  readonly sampling?: SamplingOptions;
  /** Default 512. */
  readonly maxTokens?: number;
  readonly stop?: readonly string[];
}

export type ChatEvent =
  /** The prompt is in the cache; `reusedTokens` of `promptTokens` were there already. */
  | {
      readonly kind: 'prefilled';
      readonly promptTokens: number;
      readonly reusedTokens: number;
      readonly ms: number;
    }
  /** Text of one or more tokens; never a broken character, never part of a stop string. */
  | { readonly kind: 'text'; readonly text: string }
  /** The provider failed in this answer or in its preparation; the CPU took over and goes on. */
  | { readonly kind: 'fellBack'; readonly provider: Provider; readonly reason: string };

export interface ChatResult {
  readonly text: string;
  readonly finish: 'stop' | 'length';
  readonly promptTokens: number;
  readonly outputTokens: number;
  readonly timeToFirstTokenMs: number;
  readonly decodeTokensPerSecond: number;
  /** Oldest turns left out because the context was full. */
  readonly droppedMessages: number;
}

export interface ChatMethods {
  readonly load: {
    readonly input: ChatLoad;
    readonly push: never;
    readonly event: ChatLoadEvent;
    readonly output: LoadReport;
  };
  /**
   * Puts a conversation's beginning into the cache ahead of need: the messages' tokens and, when
   * `openUserText` is given, the head of a user message that is still being spoken.
   */
  readonly prefill: {
    readonly input: { readonly messages: readonly ChatMessage[]; readonly openUserText?: string };
    readonly push: never;
    readonly event: never;
    readonly output: { readonly cachedTokens: number };
  };
  readonly generate: {
    readonly input: ChatGenerate;
    readonly push: never;
    readonly event: ChatEvent;
    readonly output: ChatResult;
  };
}

// ---------------------------------------------------------------- tts

export interface TtsLoad extends RuntimeOptions {
  readonly family: 'piper';
  readonly modelFile: string;
  readonly configFile: string;
  /** Where what is made of the voice once is kept; without it, it is made at every load. */
  readonly compiledDir?: string;
}

export interface TtsSpeak {
  /** Any text: Markdown, emoji, URLs. It is made speakable inside; spans refer to this string. */
  readonly text: string;
  /** Index or name of a multi-speaker voice's speaker. */
  readonly speaker?: number | string;
  /** 0.5 … 6, by time-stretch. Default 1. */
  readonly speed?: number;
  /** More text of the same reply follows, so the closing pause is that of a clause. */
  readonly continues?: boolean;
}

export interface TtsAudio {
  readonly kind: 'audio';
  readonly pcm: Float32Array;
  readonly rateHz: number;
  /** Words that end inside this chunk; sample positions count from the start of the request. */
  readonly words: readonly WordTiming[];
}

export interface TtsResult {
  readonly totalSamples: number;
  readonly rateHz: number;
  readonly words: readonly WordTiming[];
}

export interface TtsMethods {
  readonly load: {
    readonly input: TtsLoad;
    readonly push: never;
    readonly event: never;
    readonly output: LoadReport & { readonly rateHz: number; readonly speakers: readonly string[] };
  };
  readonly speak: {
    readonly input: TtsSpeak;
    readonly push: never;
    readonly event: TtsAudio;
    readonly output: TtsResult;
  };
}

export interface LeafMethods {
  readonly asr: AsrMethods;
  readonly chat: ChatMethods;
  readonly tts: TtsMethods;
}

// ---------------------------------------------------------------- both sides of the boundary

/** What a handler inside a leaf gets with each request. */
export interface HandlerContext<Push, Event> {
  /** Aborted on cancel; the handler stops at its next opportunity and throws `signal.reason`. */
  readonly signal: AbortSignal;
  /** What the caller pushes while the request is open, in order; ends when the request is cancelled. */
  readonly pushes: AsyncIterable<Push>;
  emit(event: Event): void;
}

/** A leaf is one object of this type; the compiler demands every method of the contract. */
export type LeafHandlers<L extends LeafName> = {
  readonly [M in keyof LeafMethods[L]]: LeafMethods[L][M] extends MethodShape
    ? (
        input: LeafMethods[L][M]['input'],
        context: HandlerContext<LeafMethods[L][M]['push'], LeafMethods[L][M]['event']>,
      ) => Promise<LeafMethods[L][M]['output']>
    : never;
};

/** An open request, seen from the caller. */
export interface LeafCall<Push, Output> {
  push(message: Push): void;
  /** Rejects with a `SottoError`, or with the signal's reason when it was cancelled. */
  readonly result: Promise<Output>;
}

export interface CallOptions<Event> {
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: Event) => void;
}

/** A leaf, seen from the caller: it starts, loads, restarts and unloads behind this one verb. */
export interface LeafClient<L extends LeafName> {
  call<M extends keyof LeafMethods[L]>(
    method: M,
    input: LeafMethods[L][M] extends MethodShape ? LeafMethods[L][M]['input'] : never,
    options?: CallOptions<LeafMethods[L][M] extends MethodShape ? LeafMethods[L][M]['event'] : never>,
  ): LeafMethods[L][M] extends MethodShape
    ? LeafCall<LeafMethods[L][M]['push'], LeafMethods[L][M]['output']>
    : never;
}
