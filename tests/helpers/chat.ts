/** Drives the chat leaf and the model under it in this process, the way the host does in another. */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  ChatEvent,
  ChatGenerate,
  ChatLoad,
  ChatResult,
  LeafHandlers,
} from '../../src-main/contract/leaf.ts';
import { createChatHandlers } from '../../src-main/engine/chat/chatLeaf.ts';

const home = process.env.SOTTO_HOME ?? join(homedir(), '.local', 'share', 'sotto');
export const SMOLLM2 = join(home, 'models', 'smollm2-135m-instruct-q4_1', 'SmolLM2-135M-Instruct.Q4_1.gguf');

/** A folder of its own, and how to remove it. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sotto-chat-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

async function* noPushes(): AsyncGenerator<never> {
  // Chat takes no pushes.
}

export interface Answer {
  readonly result: ChatResult;
  readonly events: readonly ChatEvent[];
  /** Tokens of the prompt that were in the cache already. */
  readonly reused: number;
}

export interface Chat {
  readonly handlers: LeafHandlers<'chat'>;
  generate(request: ChatGenerate, signal?: AbortSignal): Promise<Answer>;
  prefill(messages: ChatGenerate['messages'], openUserText?: string, signal?: AbortSignal): Promise<number>;
}

export async function loadChat(compiledDir: string, more: Partial<ChatLoad> = {}): Promise<Chat> {
  const handlers = createChatHandlers();
  const idle = new AbortController().signal;
  await handlers.load(
    { modelFile: SMOLLM2, compiledDir, threads: 2, provider: 'cpu', ...more },
    { signal: idle, pushes: noPushes(), emit: () => {} },
  );
  return {
    handlers,
    async generate(request, signal = idle) {
      const events: ChatEvent[] = [];
      const emit = (event: ChatEvent): void => {
        events.push(event);
      };
      const result = await handlers.generate(request, { signal, pushes: noPushes(), emit });
      const prefilled = events.find((event) => event.kind === 'prefilled');
      return { result, events, reused: prefilled?.kind === 'prefilled' ? prefilled.reusedTokens : -1 };
    },
    async prefill(messages, openUserText, signal = idle) {
      const input = openUserText === undefined ? { messages } : { messages, openUserText };
      const { cachedTokens } = await handlers.prefill(input, { signal, pushes: noPushes(), emit: () => {} });
      return cachedTokens;
    },
  };
}
