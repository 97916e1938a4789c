/** Standard input as text, bounded: a pipe that never ends must not fill the memory. */
import { SottoError } from '../contract/errors.ts';

const MAX_BYTES = 8_000_000;

export async function readStdin(): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    bytes += (part as Buffer).length;
    if (bytes > MAX_BYTES) {
      throw new SottoError(`Standard input holds more than ${MAX_BYTES / 1e6} MB of text. Split it.`, {
        code: 'bad-argument',
        stage: 'cli',
      });
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts).toString('utf8');
}
