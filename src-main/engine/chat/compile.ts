/**
 * Compiles a GGUF file into an ONNX graph with its weights beside it, once.
 *
 * A half-written graph must never be taken for a whole one, and two processes may compile the same file at
 * once: each writes into a folder of its own name and renames it into place; the loser throws its own away.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { diskError, OWN_FOLDER } from '../../core/diskError.ts';
import { type ExternalData, GraphBuilder } from '../../core/onnx/graphBuilder.ts';
import type { ArchitectureSpec } from './architectures/spec.ts';
import { buildLanguageModel, type WeightOps } from './graph.ts';
import type { ModelFile } from './modelFile.ts';
import {
  type BlockMatrix,
  canStack,
  type Form,
  type PackedMatrix,
  packMatrix,
  stack,
} from './packedMatrix.ts';

/** Raised whenever what the compiler writes changes: older folders are then compiled anew. */
const COMPILER_VERSION = 2;
const GRAPH_FILE = 'model.onnx';
const WEIGHTS_FILE = 'model.weights';
/** ONNX Runtime maps external data by page. */
const ALIGNMENT = 4096;

export interface CompileOptions {
  readonly compiledDir: string;
  readonly form: Form;
  readonly onProgress?: (done: number) => void;
  readonly signal?: AbortSignal;
}

/** Path of the compiled graph, compiling it when it is not there. Aborting leaves nothing behind. */
export async function compiledGraph(
  file: ModelFile,
  spec: ArchitectureSpec,
  options: CompileOptions,
): Promise<string> {
  const digest = await fileKey(file.path, options.compiledDir);
  const key = `${digest}-v${COMPILER_VERSION}-${options.form}`;
  const folder = join(options.compiledDir, key);
  const graph = join(folder, GRAPH_FILE);
  if (await exists(graph)) return graph;
  await sweep(options.compiledDir, digest, options.form);
  const temporary = `${folder}.${process.pid}.part`;
  await rm(temporary, { recursive: true, force: true });
  try {
    await mkdir(temporary, { recursive: true });
    await writeGraph(file, spec, temporary, options);
    await rename(temporary, folder).catch(async (error: unknown) => {
      // Another process was first; its result is the same.
      if (!(await exists(graph))) throw error;
    });
  } catch (error) {
    throw diskError(error, options.compiledDir, 'chat', OWN_FOLDER);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return graph;
}

/**
 * Removes what earlier versions compiled from this file, and what processes that died left half-written:
 * each is as large as the model.
 */
async function sweep(compiledDir: string, digest: string, form: Form): Promise<void> {
  for (const name of await readdir(compiledDir).catch(() => [])) {
    const match = /^([0-9a-f]{64})-v(\d+)-(\w+?)(?:\.(\d+)\.part)?$/.exec(name);
    if (match === null || match[1] !== digest || match[3] !== form) continue;
    const isStale = match[4] === undefined ? match[2] !== `${COMPILER_VERSION}` : !isAlive(Number(match[4]));
    if (isStale) await rm(join(compiledDir, name), { recursive: true, force: true }).catch(() => {});
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Removes a compiled graph that turned out to be unreadable, so that the next call compiles it again. */
export async function discardCompiled(graphPath: string): Promise<void> {
  await rm(dirname(graphPath), { recursive: true, force: true });
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/**
 * SHA-256 of the file, remembered by path, size and modification time, because hashing a gigabyte at every
 * start would cost more than loading it.
 */
async function fileKey(path: string, compiledDir: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  const identity = `${path}\n${size}\n${mtimeMs}`;
  const note = join(
    compiledDir,
    `${createHash('sha256').update(identity).digest('hex').slice(0, 24)}.sha256`,
  );
  const known = await readFile(note, 'utf8').catch(() => '');
  if (/^[0-9a-f]{64}$/.test(known)) return known;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  const digest = hash.digest('hex');
  try {
    await mkdir(compiledDir, { recursive: true });
    await writeFile(`${note}.${process.pid}`, digest);
    await rename(`${note}.${process.pid}`, note);
  } catch (error) {
    throw diskError(error, compiledDir, 'chat', OWN_FOLDER);
  }
  return digest;
}

async function writeGraph(
  file: ModelFile,
  spec: ArchitectureSpec,
  folder: string,
  options: CompileOptions,
): Promise<void> {
  const weights = await open(join(folder, WEIGHTS_FILE), 'w');
  try {
    let offset = 0;
    const append = async (data: Uint8Array | Float32Array): Promise<ExternalData> => {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const at = offset;
      // One write may take less than it was given (2 GB on Linux).
      for (let done = 0; done < bytes.length; )
        done += (await weights.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
      offset = Math.ceil((at + bytes.length) / ALIGNMENT) * ALIGNMENT;
      return { file: WEIGHTS_FILE, offset: at, length: bytes.length };
    };
    const g = new GraphBuilder('chat');
    await buildLanguageModel(g, spec, weightOps(g, file, append, options), (layer) => {
      options.signal?.throwIfAborted();
      options.onProgress?.(layer / (spec.layers + 1));
    });
    await weights.sync();
    await writeFile(join(folder, GRAPH_FILE), g.finish());
    options.onProgress?.(1);
  } finally {
    await weights.close();
  }
}

type Append = (data: Uint8Array | Float32Array) => Promise<ExternalData>;

function weightOps(g: GraphBuilder, file: ModelFile, append: Append, options: CompileOptions): WeightOps {
  const pack = async (name: string): Promise<{ matrix: PackedMatrix; rows: number; columns: number }> => {
    const [columns = 0, rows = 1] = file.tensor(name).dims;
    const type = file.type(name);
    return { matrix: packMatrix(type, await file.bytes(name), rows, columns, options.form), rows, columns };
  };
  return {
    has: (name) => file.has(name),
    vector: async (name) => {
      const data = await file.floats(name);
      return g.constant(name, data, [data.length]);
    },
    linear: async (x, names) => {
      options.signal?.throwIfAborted();
      const parts = [];
      for (const name of names) parts.push({ name, ...(await pack(name)) });
      const first = parts[0];
      if (first === undefined) throw new Error('linear needs a matrix');
      if (parts.length > 1 && parts.every((part) => canStack(first.matrix, part.matrix))) {
        const matrix = stack(parts.map((part) => part.matrix as BlockMatrix));
        const rows = parts.reduce((sum, part) => sum + part.rows, 0);
        return product(g, append, x, names.join('+'), matrix, rows, first.columns);
      }
      const results = [];
      for (const part of parts)
        results.push(await product(g, append, x, part.name, part.matrix, part.rows, part.columns));
      return results.length === 1 ? (results[0] as string) : g.node('Concat', results, { axis: -1 });
    },
  };
}

async function product(
  g: GraphBuilder,
  append: Append,
  x: string,
  name: string,
  matrix: PackedMatrix,
  rows: number,
  columns: number,
): Promise<string> {
  if (matrix.kind === 'float') {
    return g.node('MatMul', [x, g.external(name, 'float', [columns, rows], await append(matrix.weights))]);
  }
  const blocks = columns / matrix.blockSize;
  const blob = (matrix.blockSize * matrix.bits) / 8;
  const inputs = [
    x,
    g.external(`${name}.q`, 'uint8', [rows, blocks, blob], await append(matrix.weights)),
    g.external(`${name}.scale`, 'float', [rows * blocks], await append(matrix.scales)),
  ];
  if (matrix.zeros !== null) {
    inputs.push(g.external(`${name}.zero`, 'uint8', [matrix.zeros.length], await append(matrix.zeros)));
  }
  const attributes = {
    K: columns,
    N: rows,
    bits: matrix.bits,
    block_size: matrix.blockSize,
    accuracy_level: 4,
  };
  const main = g.node('MatMulNBits', inputs, attributes, 'com.microsoft');
  if (matrix.minima === null) return main;
  const grouped = g.node('Reshape', [x, g.ints(1, -1, blocks, matrix.blockSize)]);
  const sums = g.node('ReduceSum', [grouped, g.ints(-1)], { keepdims: 0 }); // [1, S, blocks]
  const minima = g.external(`${name}.min`, 'float', [blocks, rows], await append(matrix.minima));
  return g.node('Add', [main, g.node('MatMul', [sums, minima])]);
}
