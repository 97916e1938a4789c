/** How the assistant is asked to speak: an answer for the ear is short and has no lists. */
import type { SamplingOptions } from '../contract/domain.ts';

export const SYSTEM_PROMPT = 'You are Sotto, a helpful assistant. Answer in one short sentence.';

/** Spoken answers are short; a model that runs on is stopped here. */
export const SPOKEN_TOKENS = 160;
/** The demonstration model rambles once it has lost the thread, which it has after a sentence or two. */
const DEMONSTRATION_TOKENS = 60;

export interface Style {
  readonly sampling: SamplingOptions;
  readonly maxTokens: number;
}

/**
 * What was asked for, filled up with what suits the model: of the demonstration model only the likeliest
 * words are any good (at temperature 0.7 it names a dozen made-up saints as the capital of France).
 */
export function speakingStyle(
  isDemonstration: boolean,
  asked: { readonly sampling: SamplingOptions; readonly maxTokens?: number },
  usualTokens: number,
): Style {
  if (!isDemonstration) return { sampling: asked.sampling, maxTokens: asked.maxTokens ?? usualTokens };
  return {
    sampling: { temperature: 0, ...asked.sampling },
    maxTokens: asked.maxTokens ?? Math.min(usualTokens, DEMONSTRATION_TOKENS),
  };
}
