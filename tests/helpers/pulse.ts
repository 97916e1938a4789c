/**
 * A PulseAudio of the test's own with a virtual microphone and a virtual speaker.
 *
 * The microphone is a pipe that is written at the speed of speech; the speaker is a null sink whose monitor
 * tells what was played. The server's sockets and files lie in a folder of their own, so it neither sees
 * nor disturbs the machine's.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encodePcm16 } from '../../src-main/core/audio/wav.ts';

const run = promisify(execFile);

export interface VirtualSound {
  readonly env: { readonly [name: string]: string };
  /** Speaks into the microphone at the speed of speech: 16 kHz mono; silence follows until `close`. */
  speak(pcm: Float32Array): Promise<void>;
  /** Records the speaker from now on, at this rate; `stop` gives what was played. */
  record(rateHz: number): { stop(): Promise<Float32Array> };
  close(): Promise<void>;
}

const BLOCK_MS = 10;

export async function startVirtualSound(): Promise<VirtualSound> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-pulse-'));
  const env = {
    XDG_RUNTIME_DIR: folder,
    HOME: folder,
    PULSE_RUNTIME_PATH: join(folder, 'pulse'),
    PULSE_SERVER: `unix:${folder}/pulse/native`,
  };
  const full = { ...process.env, ...env };
  const daemon: ChildProcess = spawn(
    'pulseaudio',
    [
      '-n',
      '--daemonize=no',
      '--exit-idle-time=-1',
      '--use-pid-file=no',
      `--load=module-native-protocol-unix auth-anonymous=1 socket=${folder}/pulse/native`,
    ],
    { env: full, stdio: 'ignore' },
  );
  const pactl = async (...args: string[]): Promise<string> =>
    (await run('pactl', args, { env: full })).stdout.trim();
  for (let i = 0; ; i += 1) {
    const isUp = await pactl('info').then(
      () => true,
      () => false,
    );
    if (isUp) break;
    if (i > 100) throw new Error('pulseaudio did not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const fifo = join(folder, 'microphone');
  await pactl(
    'load-module',
    'module-pipe-source',
    'source_name=vmic',
    `file=${fifo}`,
    'format=s16le',
    'rate=16000',
    'channels=1',
  );
  await pactl('set-default-source', 'vmic');
  await pactl('load-module', 'module-null-sink', 'sink_name=vspk', 'rate=44100');
  await pactl('set-default-sink', 'vspk');

  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  let queue: Float32Array = new Float32Array(0);
  let spoken: () => void = () => {};
  const blockSamples = 16 * BLOCK_MS;
  const startMs = performance.now();
  let sentBlocks = 0;
  const timer = setInterval(() => {
    const due = Math.floor((performance.now() - startMs) / BLOCK_MS);
    for (; sentBlocks < due; sentBlocks += 1) {
      const block = new Float32Array(blockSamples);
      block.set(queue.subarray(0, blockSamples));
      const hadSpeech = queue.length > 0;
      queue = queue.subarray(blockSamples);
      try {
        writeSync(fd, encodePcm16(block));
      } catch {
        // Nobody reads the pipe fast enough: a real microphone would drop the block too.
      }
      if (hadSpeech && queue.length === 0) spoken();
    }
  }, BLOCK_MS / 2);

  return {
    env,
    speak: (pcm) =>
      new Promise((resolve) => {
        spoken = resolve;
        queue = pcm;
      }),
    record(rateHz) {
      const recorder = spawn(
        'parec',
        ['-d', 'vspk.monitor', '--format=float32le', `--rate=${rateHz}`, '--channels=1', '--latency-msec=20'],
        { env: full, stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const parts: Buffer[] = [];
      recorder.stdout.on('data', (part: Buffer) => parts.push(part));
      return {
        stop: () =>
          new Promise((resolve) => {
            recorder.on('close', () => {
              const all = Buffer.concat(parts);
              const bytes = new Uint8Array(all.length - (all.length % 4));
              bytes.set(all.subarray(0, bytes.length));
              resolve(new Float32Array(bytes.buffer));
            });
            recorder.kill();
          }),
      };
    },
    close: async () => {
      clearInterval(timer);
      closeSync(fd);
      daemon.kill();
      await new Promise((resolve) => daemon.once('exit', resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
