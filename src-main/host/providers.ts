/**
 * Which provider may serve, and why.
 *
 * A graphics driver can abort the process, hang, return wrong numbers or be slower than the CPU; none of it
 * is known before it was tried here, on this driver. The rule: a provider is used only after a throw-away
 * process has measured it, and the verdict is kept until the runtime, the machine or its drivers change.
 * Worst case: a first start waits `timeoutMs` for each provider of the platform, once.
 */
import { fork } from 'node:child_process';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Provider, ProviderChoice } from '../contract/domain.ts';
import type { WireError } from '../contract/errors.ts';
import type { ProbeMeasurement, ProviderVerdict } from '../contract/probe.ts';
import { leafEnvironment } from './forkSpawner.ts';

export interface ProbeOptions {
  /** The bundled entry `probe.cjs`. */
  readonly probeEntry: string;
  /** JSON file that keeps the verdicts. */
  readonly cacheFile: string;
  /** Names runtime, machine and drivers: another key makes the kept verdicts void. */
  readonly cacheKey: string;
  readonly platform?: NodeJS.Platform;
  /** A driver that needs longer to compile a tiny graph is of no use. Default 20 s. */
  readonly timeoutMs?: number;
  readonly env?: { readonly [name: string]: string };
  readonly signal?: AbortSignal;
}

/** Faster ones first; the CPU is always last and always usable. */
export function providerOrder(platform: NodeJS.Platform): readonly Provider[] {
  if (platform === 'win32') return ['cuda', 'dml', 'webgpu', 'cpu'];
  if (platform === 'darwin') return ['coreml', 'webgpu', 'cpu'];
  return ['cuda', 'webgpu', 'cpu'];
}

/** The conclusion from one measurement. Pure. */
export function judge(m: ProbeMeasurement): ProviderVerdict {
  const { provider } = m;
  const refuse = (reason: string): ProviderVerdict => ({ provider, usable: false, reason });
  if (m.fellBack !== null) return refuse(`${provider} failed in a run`);
  if (!(m.worstDifference <= m.tolerance)) {
    return refuse(`${provider} gave wrong numbers (off by ${m.worstDifference.toPrecision(2)})`);
  }
  const ratio = m.providerMs / m.cpuMs;
  if (!(ratio < 1)) return refuse(`${provider} is slower than the CPU (${ratio.toPrecision(2)} times)`);
  return {
    provider,
    usable: true,
    reason: `${provider} is ${(1 / ratio).toPrecision(2)} times as fast as the CPU`,
  };
}

type Answer = { readonly measurement?: ProbeMeasurement; readonly error?: WireError };

/** Tries one provider in a process of its own. Never fails: a crash or a silence is a verdict. */
export function probeProvider(provider: Provider, options: ProbeOptions): Promise<ProviderVerdict> {
  const timeoutMs = options.timeoutMs ?? 20_000;
  return new Promise((resolve, reject) => {
    options.signal?.throwIfAborted();
    const child = fork(options.probeEntry, [provider], {
      serialization: 'advanced',
      env: leafEnvironment(options.env),
      execArgv: [],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    const end = (verdict: ProviderVerdict): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      child.kill('SIGKILL');
      resolve(verdict);
    };
    const refuse = (why: string): void => end({ provider, usable: false, reason: `${provider} ${why}` });
    const onAbort = (): void => {
      reject(options.signal?.reason);
      refuse('was not tried to the end');
    };
    const timer = setTimeout(() => refuse(`did not answer within ${timeoutMs / 1000} s`), timeoutMs);
    options.signal?.addEventListener('abort', onAbort, { once: true });
    child.on('message', (answer: Answer) => {
      if (answer.measurement !== undefined) end(judge(answer.measurement));
      else refuse('is not available here');
    });
    child.on('error', () => refuse('could not be tried'));
    child.on('exit', (code, why) => refuse(`crashed when tried (${why ?? `code ${code}`})`));
  });
}

interface Kept {
  readonly key: string;
  readonly verdicts: readonly ProviderVerdict[];
}

/** Null for a cache that is absent, unreadable, cut off or of another key. */
async function readKept(file: string, key: string): Promise<readonly ProviderVerdict[] | null> {
  try {
    const kept = JSON.parse(await readFile(file, 'utf8')) as Kept;
    return kept.key === key && Array.isArray(kept.verdicts) ? kept.verdicts : null;
  } catch {
    return null;
  }
}

type Cache = Pick<ProbeOptions, 'cacheFile' | 'cacheKey'>;

/** A read-only home costs a probe at every start, nothing more. */
async function keep({ cacheFile, cacheKey }: Cache, verdicts: readonly ProviderVerdict[]): Promise<void> {
  const partFile = `${cacheFile}.${process.pid}.part`;
  await mkdir(dirname(cacheFile), { recursive: true })
    .then(() => writeFile(partFile, JSON.stringify({ key: cacheKey, verdicts } satisfies Kept)))
    .then(() => rename(partFile, cacheFile))
    .catch(() => {});
}

/** Verdicts of all providers of this platform, best first; from the cache where its key is the same. */
export async function probeProviders(options: ProbeOptions): Promise<readonly ProviderVerdict[]> {
  const kept = await readKept(options.cacheFile, options.cacheKey);
  if (kept !== null) return kept;
  const verdicts: ProviderVerdict[] = [];
  for (const provider of providerOrder(options.platform ?? process.platform)) {
    // One at a time: probes that share the cores would spoil each other's times.
    if (provider !== 'cpu') verdicts.push(await probeProvider(provider, options));
  }
  await keep(options, verdicts);
  return verdicts;
}

/**
 * Keeps in mind that a provider failed at work after it had passed its probe, so that no later start uses it
 * before drivers or runtime change. A cache that cannot be written only means that it is tried again.
 */
export async function refuseProvider(provider: Provider, reason: string, kept: Cache): Promise<void> {
  const verdicts = await readKept(kept.cacheFile, kept.cacheKey);
  if (verdicts === null) return;
  const others = verdicts.filter((verdict) => verdict.provider !== provider);
  await keep(kept, [...others, { provider, usable: false, reason: `${provider} failed at work: ${reason}` }]);
}

export interface ChosenProvider {
  readonly provider: Provider;
  readonly reason: string;
}

/** The provider for a choice. A named one that was refused is replaced by the CPU, with the reason. Pure. */
export function chooseProvider(choice: ProviderChoice, verdicts: readonly ProviderVerdict[]): ChosenProvider {
  if (choice === 'cpu') return { provider: 'cpu', reason: 'chosen' };
  const wanted = choice === 'auto' ? verdicts : verdicts.filter((v) => v.provider === choice);
  const passed = wanted.find((v) => v.usable);
  if (passed !== undefined) return { provider: passed.provider, reason: passed.reason };
  const reasons = wanted.map((v) => v.reason).join('; ');
  return { provider: 'cpu', reason: reasons === '' ? `${choice} does not exist on this platform` : reasons };
}

/** One line a provider, for `sotto doctor`. */
export function explainProviders(verdicts: readonly ProviderVerdict[]): readonly string[] {
  return verdicts.map((v) => `${v.provider}: ${v.usable ? 'used' : 'not used'} – ${v.reason}`);
}
