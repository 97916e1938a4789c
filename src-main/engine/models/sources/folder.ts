/** Files from a local folder: a stick, a share, another machine's models folder. */
import { copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, publish } from '../files.ts';
import { type FetchContext, partName } from './source.ts';

/** Copies what the folder (or its sub-folder named after the model) holds; null when it lacks a file. */
export async function fetchFromFolder(
  folder: string,
  context: FetchContext,
): Promise<Record<string, string> | null> {
  const find = async (name: string): Promise<string | null> => {
    for (const path of [join(folder, context.model.id, name), join(folder, name)]) {
      if ((await stat(path).catch(() => null))?.isFile()) return path;
    }
    return null;
  };
  const hashes: Record<string, string> = {};
  for (const file of context.files) if ((await find(file.name)) === null) return null;
  for (const file of context.files) {
    const part = join(context.folder, partName(file));
    try {
      await copyFile((await find(file.name)) as string, part);
    } catch (error) {
      throw fileError(error, context.folder);
    }
    context.onProgress(file, file.sizeBytes);
    hashes[file.name] = await publish(part, join(context.folder, file.name), file, null);
  }
  return hashes;
}
