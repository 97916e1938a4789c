/**
 * A conversation as the model was trained to read it: the GGUF file's own Jinja template.
 *
 * The template runs over place-holders, not over what people said, and the texts are put in afterwards; so
 * the boundary between template and content is known, and content can never act as a control token
 * (tokenizer/tokenizer.ts).
 */
import { Template } from '@huggingface/jinja';
import type { ChatMessage } from '../../contract/domain.ts';
import { SottoError } from '../../contract/errors.ts';
import type { Gguf } from '../../core/gguf/types.ts';
import type { TextPiece } from './tokenizer/tokenizer.ts';

export interface ChatTemplate {
  /** The conversation up to where the assistant begins to answer. */
  render(messages: readonly ChatMessage[]): TextPiece[];
}

/** ChatML, the most widespread format: used for files that carry no template but know its tokens. */
const CHATML =
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{{ '<|im_start|>assistant\\n' }}";

const OPEN = '\uf8f0';
const CLOSE = '\uf8f1';

/** @throws SottoError `unsupported-model` when there is no usable template */
export function createChatTemplate(
  gguf: Gguf,
  tokens: { readonly bos: string; readonly eos: string; readonly knowsChatMl: boolean },
): ChatTemplate {
  const source = gguf.metadata.get('tokenizer.chat_template');
  if (typeof source !== 'string' && !tokens.knowsChatMl) {
    throw new SottoError(
      'This GGUF file has no chat template, so it is not a chat model. Choose an “instruct” or “chat” file.',
      {
        code: 'unsupported-model',
        stage: 'chat',
      },
    );
  }
  const template = parse(typeof source === 'string' ? source : CHATML);
  const run = (messages: readonly ChatMessage[]): string =>
    template.render({
      messages: messages.map(({ role, content }) => ({ role, content })),
      add_generation_prompt: true,
      bos_token: tokens.bos,
      eos_token: tokens.eos,
      // Spoken answers cannot wait for a model's notes to itself (Qwen3).
      enable_thinking: false,
    });
  return {
    render(messages) {
      const marked = messages.map(({ role }, i) => ({ role, content: `${OPEN}${i}${CLOSE}` }));
      return pieces(renderSafely(run, marked), messages);
    },
  };
}

function parse(source: string): Template {
  try {
    return new Template(source);
  } catch (cause) {
    throw new SottoError(
      'The chat template of this GGUF file cannot be read. Choose another file of the model.',
      {
        code: 'unsupported-model',
        stage: 'chat',
        cause,
      },
    );
  }
}

/** Some templates refuse a system message; then its text opens the first user message instead. */
function renderSafely(
  run: (messages: readonly ChatMessage[]) => string,
  messages: readonly ChatMessage[],
): string {
  try {
    return run(messages);
  } catch (cause) {
    const [system, first, ...rest] = messages;
    if (system?.role === 'system' && first !== undefined) {
      return renderSafely(run, [
        { role: first.role, content: `${system.content}\n\n${first.content}` },
        ...rest,
      ]);
    }
    throw new SottoError(
      'The chat template of this GGUF file failed on this conversation. Choose another file of the model.',
      {
        code: 'unsupported-model',
        stage: 'chat',
        cause,
      },
    );
  }
}

function pieces(rendered: string, messages: readonly ChatMessage[]): TextPiece[] {
  return rendered
    .split(new RegExp(`${OPEN}(\\d+)${CLOSE}`, 'u'))
    .map((part, i) =>
      i % 2 === 1
        ? { text: (messages[Number(part)]?.content ?? '').trim(), isTemplate: false }
        : { text: part, isTemplate: true },
    )
    .filter((piece) => piece.text !== '' || !piece.isTemplate);
}
