/** `sotto doctor`: what is there, what is missing, and a self-test of every stage with real audio. */
import { availableParallelism, totalmem } from 'node:os';
import { toWireError } from '../contract/errors.ts';
import { resample } from '../core/audio/resample.ts';
import { joinSamples } from '../core/join.ts';
import { pickInput, pickOutput } from '../devices/pick.ts';
import { DEMONSTRATION_NOTICE } from '../engine/models/recommend.ts';
import { openStore } from '../engine/models/store.ts';
import { explainProviders } from '../host/providers.ts';
import { parse } from './args.ts';
import { type Engine, providerVerdicts, startEngine } from './engine.ts';
import { EXIT, type Io } from './io.ts';

export const DOCTOR_HELP = `sotto doctor [--json] [--prepare]

Looks at the machine, the models, microphone, speaker and processors, and lets every stage work on real
audio: the voice says a sentence, the recogniser reads it back, the model answers. Exit code 1 when a stage
is broken.
--prepare   only what a first start needs: loads every model once, so that nothing is compiled later
`;

const OPTIONS = {
  json: { type: 'boolean' },
  prepare: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Verdict = 'ok' | 'note' | 'broken';
interface Finding {
  readonly what: string;
  readonly verdict: Verdict;
  readonly detail: string;
}

const SENTENCE = 'The quick brown fox jumps over the lazy dog.';

export async function runDoctor(args: readonly string[], io: Io): Promise<number> {
  const { values } = parse(args, OPTIONS, 'doctor');
  if (values.help === true) {
    io.out(DOCTOR_HELP);
    return EXIT.ok;
  }
  if (values.prepare === true) {
    const engine = await startEngine(
      { ...io, err: (text) => (text.startsWith(DEMONSTRATION_NOTICE) ? undefined : io.err(text)) },
      { leaves: ['chat', 'tts'] },
    );
    engine.stop();
    return EXIT.ok;
  }
  const findings: Finding[] = [];
  const tell = (what: string, verdict: Verdict, detail: string): void => {
    findings.push({ what, verdict, detail });
    if (values.json === true) io.out(`${JSON.stringify({ what, verdict, detail })}\n`);
    else io.out(`${verdict === 'ok' ? '✓' : verdict === 'note' ? '·' : '✗'} ${what}: ${detail}\n`);
  };
  tell(
    'machine',
    'ok',
    `${availableParallelism()} cores, ${Math.round(totalmem() / 1e9)} GB, ${process.platform} ${process.arch}, Node ${process.versions.node}`,
  );
  await models(tell);
  await device('microphone', async () => (await pickInput()).name, tell);
  await device('speaker', async () => (await pickOutput()).name, tell);
  const store = openStore();
  for (const line of explainProviders(await providerVerdicts(store, io.signal)))
    tell('processor', 'ok', line);
  await selfTest(io, tell);
  return findings.some((finding) => finding.verdict === 'broken') ? EXIT.error : EXIT.ok;
}

type Tell = (what: string, verdict: Verdict, detail: string) => void;

async function models(tell: Tell): Promise<void> {
  const store = openStore();
  for (const role of ['asr', 'vad', 'chat', 'tts'] as const) {
    const id = await store.chosen(role);
    if (id === null) tell(`model for ${role}`, 'broken', 'missing: run `sotto models pull --default`');
    else tell(`model for ${role}`, 'ok', id);
  }
  const chat = await store.chosen('chat');
  const manifest = chat === null ? null : await store.manifest(chat);
  if (manifest?.demonstration === true) tell('chat model', 'note', DEMONSTRATION_NOTICE);
}

/** A machine without a microphone can still read aloud: worth a note, not broken. */
async function device(what: string, open: () => Promise<string>, tell: Tell): Promise<void> {
  try {
    tell(what, 'ok', await open());
  } catch (error) {
    tell(what, 'note', toWireError(error, 'device').message);
  }
}

async function selfTest(io: Io, tell: Tell): Promise<void> {
  let engine: Engine;
  try {
    engine = await startEngine({ ...io, err: () => {} }, { leaves: ['asr', 'chat', 'tts'] });
  } catch (error) {
    tell('loading', 'broken', toWireError(error, 'models').message);
    return;
  }
  const stage = async (what: string, work: () => Promise<string>): Promise<void> => {
    try {
      tell(what, 'ok', await work());
    } catch (error) {
      tell(what, 'broken', toWireError(error, 'cli').message);
    }
  };
  try {
    for (const [leaf, report] of Object.entries(engine.reports)) {
      tell(
        `${leaf} loaded`,
        'ok',
        `${Math.round(report.loadMs + report.warmMs)} ms on ${report.provider} (${report.providerReason}), ${Math.round(report.residentBytes / 1e6)} MB`,
      );
    }
    let spoken = new Float32Array(0);
    await stage('voice', async () => {
      spoken = await speak(engine, io.signal);
      return `${(spoken.length / engine.voiceRateHz).toFixed(1)} s of speech`;
    });
    await stage('recognition', async () => readBack(engine, spoken, io.signal));
    await stage('chat', async () => {
      const startedMs = performance.now();
      const call = engine.leaves.chat.call(
        'generate',
        { messages: [{ role: 'user', content: 'Say hello.' }], maxTokens: 12, sampling: { temperature: 0 } },
        { signal: io.signal },
      );
      const { outputTokens, decodeTokensPerSecond } = await call.result;
      return `${outputTokens} tokens in ${Math.round(performance.now() - startedMs)} ms, ${decodeTokensPerSecond.toFixed(0)} tokens a second`;
    });
  } finally {
    engine.stop();
  }
}

async function speak(engine: Engine, signal: AbortSignal): Promise<Float32Array<ArrayBuffer>> {
  const parts: Float32Array[] = [];
  await engine.leaves.tts.call('speak', { text: SENTENCE }, { signal, onEvent: ({ pcm }) => parts.push(pcm) })
    .result;
  return joinSamples(parts);
}

/** The recogniser must read the sentence out of the voice's audio; one word may differ. */
async function readBack(engine: Engine, spoken: Float32Array, signal: AbortSignal): Promise<string> {
  const call = engine.leaves.asr.call('listen', { mode: 'file' }, { signal });
  call.push({ kind: 'audio', pcm: resample(spoken, engine.voiceRateHz, 16_000) });
  call.push({ kind: 'end' });
  const { text } = await call.result;
  const words = (line: string): string[] => line.toLowerCase().match(/\p{L}+/gu) ?? [];
  const wanted = words(SENTENCE);
  const got = new Set(words(text));
  const missed = wanted.filter((word) => !got.has(word)).length;
  if (missed > 1)
    throw new Error(
      `it understood only ${wanted.length - missed} of ${wanted.length} words of the test sentence`,
    );
  return `${wanted.length - missed} of ${wanted.length} words of the test sentence`;
}
