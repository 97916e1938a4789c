/** The command line: finds the command, runs it, turns every failure into one clear line and a code. */
import manifest from '../../package.json' with { type: 'json' };
import { SottoError, toWireError } from '../contract/errors.ts';
import { nearNames } from '../engine/models/nearNames.ts';
import { runBench } from './bench.ts';
import { runChat } from './chat.ts';
import { runDoctor } from './doctor.ts';
import { EXIT, type Io, processIo } from './io.ts';
import { runModelsCommand } from './models.ts';
import { runSay } from './say.ts';
import { runTalk } from './talk.ts';
import { runTranscribe } from './transcribe.ts';

const HELP = `Sotto: hold a key and speak. Everything runs on this machine.

  sotto talk          ask by voice and hear the answer
  sotto transcribe    recordings to text
  sotto say           text to speech
  sotto chat          ask in writing
  sotto models        the models on this machine
  sotto doctor        what is there, what is missing, a self-test of every stage
  sotto bench         measure this machine (from a checkout)

  sotto COMMAND --help says more; sotto --version tells which Sotto this is.

Exit codes: 0 done · 1 failed · 2 wrong arguments · 130 interrupted
Environment: SOTTO_HOME (where models lie), SOTTO_MODELS_FROM (a folder to take models from)
`;

const COMMANDS: { readonly [name: string]: (args: readonly string[], io: Io) => Promise<number> } = {
  talk: runTalk,
  transcribe: runTranscribe,
  say: runSay,
  chat: runChat,
  models: runModelsCommand,
  doctor: runDoctor,
  bench: runBench,
};

async function run(args: readonly string[], io: Io): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.out(HELP);
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  if (name === '--version' || name === '-v' || name === 'version') {
    io.out(`${manifest.version}\n`);
    return EXIT.ok;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command(rest, io);
  const near = nearNames(name, Object.keys(COMMANDS));
  const hint = near.length === 0 ? 'See `sotto --help`.' : `Did you mean ${near.join(' or ')}?`;
  throw new SottoError(`There is no command “${name}”. ${hint}`, { code: 'bad-argument', stage: 'cli' });
}

function main(): void {
  const controller = new AbortController();
  const io = processIo(controller.signal);
  const interrupt = (): void => {
    // The second Ctrl-C does not wait for anything.
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new Error('interrupted'));
    setTimeout(() => process.exit(EXIT.interrupted), 300).unref();
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  run(process.argv.slice(2), io).then(
    (code) => finish(controller.signal.aborted ? EXIT.interrupted : code),
    (error: unknown) => {
      if (controller.signal.aborted) return finish(EXIT.interrupted);
      const wire = toWireError(error, 'cli');
      io.err(`sotto: ${wire.message}\n`);
      if (wire.code === 'internal' && process.env.SOTTO_DEBUG !== undefined)
        io.err(`${(error as Error).stack}\n`);
      return finish(wire.code === 'bad-argument' ? EXIT.usage : EXIT.error);
    },
  );
}

/** Ends once what was written is out: pipes are asynchronous. */
function finish(code: number): void {
  process.stdout.write('', () => {
    process.stderr.write('', () => process.exit(code));
  });
}

main();
