/** `sotto transcribe`: recordings to text, as fast as the machine allows, in constant memory. */
import { extname } from 'node:path';
import type { TranscriptSegment } from '../contract/domain.ts';
import { toWireError } from '../contract/errors.ts';
import type { LeafClient } from '../contract/leaf.ts';
import { type AudioFile, openAudioFile, openAudioStream } from '../devices/files/openAudioFile.ts';
import { writeWhole } from '../devices/files/writeWhole.ts';
import { parse, usage } from './args.ts';
import { startEngine } from './engine.ts';
import { EXIT, type Io } from './io.ts';
import { formatTranscript, type TranscriptFormat } from './transcriptFormat.ts';

export const TRANSCRIBE_HELP = `sotto transcribe FILES… [--json | --srt | --vtt | --txt] [--out FILE] [--model ID]

Recognises WAV, FLAC, MP3 and Ogg (Opus, Vorbis) recordings; “-” reads standard input.
--json   one object a line: {file, text, language, segments: [{startMs, endMs, text}]}
--out    write there instead of standard output (one file only)
A file that cannot be read is reported, the others go on; the exit code is then 1.
`;

const OPTIONS = {
  json: { type: 'boolean' },
  srt: { type: 'boolean' },
  vtt: { type: 'boolean' },
  txt: { type: 'boolean' },
  out: { type: 'string' },
  model: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Audio the recogniser may lie behind the reader: a bound on memory, 32 s are 2 MB. */
const AHEAD_MS = 32_000;
/** Samples of one push. */
const PUSH_SAMPLES = 16_000;

export async function runTranscribe(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals: files } = parse(args, OPTIONS, 'transcribe');
  if (values.help === true) {
    io.out(TRANSCRIBE_HELP);
    return EXIT.ok;
  }
  const chosen = (['json', 'srt', 'vtt', 'txt'] as const).filter((name) => values[name] === true);
  if (chosen.length > 1) throw usage(`Choose one of --${chosen.join(' and --')}.`, 'transcribe');
  if (files.length === 0) throw usage('Which recording?', 'transcribe');
  if (values.out !== undefined && files.length > 1) throw usage('--out takes one recording.', 'transcribe');
  const format: TranscriptFormat = chosen[0] ?? formatOf(values.out) ?? 'txt';

  const engine = await startEngine(io, {
    leaves: ['asr'],
    ...(values.model === undefined ? {} : { models: { asr: values.model } }),
  });
  let failures = 0;
  try {
    for (const path of files) {
      try {
        const audio =
          path === '-'
            ? await openAudioStream(process.stdin, 'standard input', io.signal)
            : await openAudioFile(path, io.signal);
        const { text, segments } = await transcribeAudio(engine.leaves.asr, audio, io.signal);
        for (const warning of audio.warnings()) io.err(`${path}: ${warning}\n`);
        if (text === '') io.err(`${path}: no speech was heard.\n`);
        const out = formatTranscript(format, { file: path, text, segments });
        if (values.out === undefined) io.out(out);
        else await writeWhole(values.out, out);
      } catch (error) {
        if (io.signal.aborted) throw error;
        failures += 1;
        io.err(`${path}: ${toWireError(error, 'asr').message}\n`);
      }
    }
  } finally {
    engine.stop();
  }
  return failures === 0 ? EXIT.ok : EXIT.error;
}

function formatOf(out: string | undefined): TranscriptFormat | undefined {
  const ending = extname(out ?? '').slice(1);
  return (['json', 'srt', 'vtt', 'txt'] as const).find((name) => name === ending);
}

/** Feeds a recording to the recogniser, never more than half a minute ahead of it. */
export async function transcribeAudio(
  asr: LeafClient<'asr'>,
  audio: AudioFile,
  signal: AbortSignal,
): Promise<{
  readonly text: string;
  readonly segments: readonly TranscriptSegment[];
  readonly lastSpeechMs: number | null;
}> {
  let consumedMs = 0;
  let sentMs = 0;
  let wake = (): void => {};
  const call = asr.call(
    'listen',
    { mode: 'file' },
    {
      signal,
      onEvent: (event) => {
        if (event.kind !== 'consumed') return;
        consumedMs = event.atMs;
        wake();
      },
    },
  );
  let ended: unknown = null;
  call.result.catch((error: unknown) => {
    ended = { error };
    wake();
  });
  for await (const block of audio.blocks) {
    for (let at = 0; at < block.length; at += PUSH_SAMPLES) {
      while (sentMs - consumedMs > AHEAD_MS && ended === null) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (ended !== null) break;
      const pcm = block.slice(at, at + PUSH_SAMPLES);
      call.push({ kind: 'audio', pcm });
      sentMs += pcm.length / 16;
    }
    if (ended !== null) break;
  }
  call.push({ kind: 'end' });
  return call.result;
}
