/** What was said in a conversation: by the user, and of the replies only what was heard. */
import type { ChatMessage } from '../contract/domain.ts';

export interface History {
  messages(): readonly ChatMessage[];
  /** The messages with one more of the user's, as the model is asked. */
  withUser(text: string): readonly ChatMessage[];
  /** Takes a turn in; a reply of which nothing was heard leaves only the question. */
  add(userText: string, heardReply: string): void;
}

/** @param prior what was said before, oldest first, without the system prompt */
export function createHistory(systemPrompt: string, prior: readonly ChatMessage[] = []): History {
  const system: ChatMessage[] = systemPrompt === '' ? [] : [{ role: 'system', content: systemPrompt }];
  const messages: ChatMessage[] = [...system];
  const withUser = (text: string): ChatMessage[] => {
    const last = messages.at(-1);
    // Chat templates want user and assistant in turn: an unanswered question and the next one are one message.
    if (last?.role !== 'user') return [...messages, { role: 'user', content: text }];
    return [...messages.slice(0, -1), { role: 'user', content: `${last.content}\n${text}` }];
  };
  for (const message of prior) {
    if (message.role === 'user') messages.splice(0, messages.length, ...withUser(message.content));
    else if (message.content.trim() !== '') messages.push(message);
  }
  return {
    messages: () => [...messages],
    withUser,
    add(userText, heardReply) {
      const next = withUser(userText);
      messages.splice(0, messages.length, ...next);
      if (heardReply.trim() !== '') messages.push({ role: 'assistant', content: heardReply });
    },
  };
}
