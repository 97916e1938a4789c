/** `sotto bench`: the benchmarks live in the checkout's tests and are not shipped. */
import { SottoError } from '../contract/errors.ts';
import { EXIT, type Io } from './io.ts';

export async function runBench(args: readonly string[], io: Io): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.out(
      'sotto bench\n\nBenchmarks run from a checkout: npm run bench -- [--peers] [--section NAME] [--turns N]\n',
    );
    return EXIT.ok;
  }
  throw new SottoError('Benchmarks run from a checkout: `npm run bench -- --peers`.', {
    code: 'bad-argument',
    stage: 'cli',
  });
}
