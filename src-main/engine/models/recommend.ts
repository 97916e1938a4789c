/**
 * Which chat model suits this machine.
 *
 * A spoken answer needs about ten tokens a second to stay ahead of the voice (2.5 words a second, 1.4 tokens
 * a word, and room for the other two engines). Decoding speed falls about linearly with size, so the speed
 * measured on one model tells that of the others.
 */
import type { Catalog, CatalogModel } from '../../contract/catalog.ts';

export interface MachineFacts {
  readonly totalMemoryBytes: number;
  readonly freeDiskBytes: number;
  /** Decode speed measured here with a model of `parametersB` billion parameters. */
  readonly measured?: { readonly tokensPerSecond: number; readonly parametersB: number };
}

/** Below this the voice would have to wait for words. */
const NEEDED_TOKENS_PER_SECOND = 10;
/** Share of the memory a chat model may take. */
const MEMORY_SHARE = 0.35;
/** File, compiled graph and room to breathe. */
const DISK_FACTOR = 2.6;

export interface Recommendation {
  readonly model: CatalogModel;
  readonly expectedTokensPerSecond: number | null;
}

/** The best fitting model that is more than a demonstration, or null when none fits. */
export function recommendChat(facts: MachineFacts, catalog: Catalog): Recommendation | null {
  const fitting = catalog.models
    .filter((model) => model.role === 'chat' && model.demonstration !== true && model.permissive)
    .map((model) => ({ model, expectedTokensPerSecond: expectedSpeed(facts, model) }))
    .filter(({ model, expectedTokensPerSecond }) => {
      const fileBytes = model.files.reduce((sum, file) => sum + file.sizeBytes, 0);
      const fits =
        model.memoryBytes <= facts.totalMemoryBytes * MEMORY_SHARE &&
        fileBytes * DISK_FACTOR <= facts.freeDiskBytes;
      return fits && (expectedTokensPerSecond ?? Number.POSITIVE_INFINITY) >= NEEDED_TOKENS_PER_SECOND;
    })
    .sort(
      (a, b) =>
        (b.model.parametersB ?? 0) - (a.model.parametersB ?? 0) || a.model.memoryBytes - b.model.memoryBytes,
    );
  // Multilingual Qwen3 before an equally large English model.
  const best = fitting[0];
  if (best === undefined) return null;
  const equals = fitting.filter(({ model }) => model.parametersB === best.model.parametersB);
  return equals.sort((a, b) => b.model.languages.length - a.model.languages.length)[0] ?? best;
}

function expectedSpeed(facts: MachineFacts, model: CatalogModel): number | null {
  if (facts.measured === undefined || model.parametersB === undefined) return null;
  return (facts.measured.tokensPerSecond * facts.measured.parametersB) / model.parametersB;
}

/** What a user is told while only a demonstration model answers. */
export const DEMONSTRATION_NOTICE =
  'You are talking with a small demonstration model: it answers at once but gets plain facts wrong. ' +
  'For better answers: `sotto models pull qwen3-0.6b-q8_0` (needs Hugging Face), `sotto models import FILE.gguf`, ' +
  'or `sotto models use ollama:NAME` for a model that Ollama or LM Studio already holds.';
