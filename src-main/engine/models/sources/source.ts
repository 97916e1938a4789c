/** What the sources share: where files go and who is told of the progress. */
import type { CatalogFile, CatalogModel } from '../../../contract/catalog.ts';

/** Bytes of one file so far. */
export type OnProgress = (file: CatalogFile, doneBytes: number) => void;

export interface FetchContext {
  readonly model: CatalogModel;
  /** The files still lacking. */
  readonly files: readonly CatalogFile[];
  /** The model's folder. */
  readonly folder: string;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal;
}

/** Name under which a file is written until it is whole. */
export function partName(file: CatalogFile): string {
  return `${file.name}.part`;
}
