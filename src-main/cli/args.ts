/** Arguments by Node's own parser, with errors that say how it is written. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { SottoError } from '../contract/errors.ts';

export function usage(message: string, command: string): SottoError {
  return new SottoError(`${message} See \`sotto ${command} --help\`.`, {
    code: 'bad-argument',
    stage: 'cli',
  });
}

/** @throws SottoError `bad-argument` for an unknown option or a missing value */
export function parse<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
  command: string,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw usage(
      (error as Error).message.split('\n')[0]?.replace(/\. To specify.*/, '.') ?? 'Wrong arguments.',
      command,
    );
  }
}

/** A number option within bounds. */
export function numberOption(
  value: string | undefined,
  name: string,
  bounds: { readonly min: number; readonly max: number },
  command: string,
): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() === '' || !Number.isFinite(number) || number < bounds.min || number > bounds.max) {
    throw usage(`--${name} takes a number from ${bounds.min} to ${bounds.max}, not “${value}”.`, command);
  }
  return number;
}
