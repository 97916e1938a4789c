/** The architectures Sotto runs, and the refusal of all others. */
import { SottoError } from '../../../contract/errors.ts';
import type { Gguf } from '../../../core/gguf/types.ts';
import { gemma3Spec } from './gemma3.ts';
import { llamaSpec } from './llama.ts';
import { qwen2Spec } from './qwen2.ts';
import { qwen3Spec } from './qwen3.ts';
import type { ArchitectureSpec } from './spec.ts';

const SUPPORTED: { readonly [architecture: string]: (gguf: Gguf) => ArchitectureSpec } = {
  llama: llamaSpec,
  qwen2: qwen2Spec,
  qwen3: qwen3Spec,
  gemma3: gemma3Spec,
};

/** @throws SottoError `unsupported-model` naming what is supported; `model-corrupt` for impossible sizes. */
export function architectureSpec(gguf: Gguf): ArchitectureSpec {
  const name = gguf.metadata.get('general.architecture');
  const read = typeof name === 'string' && Object.hasOwn(SUPPORTED, name) ? SUPPORTED[name] : undefined;
  if (read === undefined) {
    throw new SottoError(
      `This GGUF file holds a model of architecture “${String(name ?? 'unknown')}”. Sotto runs: llama (with Mistral and SmolLM), qwen2, qwen3, gemma3.`,
      { code: 'unsupported-model', stage: 'chat' },
    );
  }
  const spec = read(gguf);
  const whole = [spec.headDim, spec.heads / spec.kvHeads, spec.ropeDims / 2].every(Number.isInteger);
  if (!whole || spec.vocabulary <= 0 || spec.ropeDims > spec.headDim) {
    throw new SottoError('The sizes in this GGUF file contradict each other. Download it again.', {
      code: 'model-corrupt',
      stage: 'chat',
    });
  }
  if (
    gguf.metadata.has(`${spec.architecture}.expert_count`) &&
    Number(gguf.metadata.get(`${spec.architecture}.expert_count`)) > 0
  ) {
    throw new SottoError(
      'This GGUF file holds a mixture-of-experts model, which Sotto does not run. Choose a dense one.',
      {
        code: 'unsupported-model',
        stage: 'chat',
      },
    );
  }
  return spec;
}
