/** The catalogue of models Sotto can fetch, read from models/catalog.json and checked. */
import catalogJson from '../../../models/catalog.json' with { type: 'json' };
import type { Catalog, CatalogModel } from '../../contract/catalog.ts';
import { SottoError } from '../../contract/errors.ts';
import { nearNames } from './nearNames.ts';

/** Problems of a catalogue, each a sentence; none when it is sound. */
export function catalogProblems(catalog: Catalog): string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  for (const model of catalog.models) {
    const say = (what: string): void => {
      problems.push(`${model.id}: ${what}`);
    };
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(model.id)) say('the id is no plain folder name');
    if (seen.has(model.id)) say('is there twice');
    seen.add(model.id);
    if (model.files.length === 0) say('has no files');
    if (model.sources.length === 0) say('has no source');
    for (const file of model.files) {
      if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(file.name)) say(`${file.name} is no plain file name`);
      if (!(file.sizeBytes > 0)) say(`${file.name} has no size`);
      if (file.sha256 !== undefined && !/^[0-9a-f]{64}$/.test(file.sha256))
        say(`${file.name} has no SHA-256`);
      const viaRegistry = model.sources.some((source) => source.kind === 'pip' || source.kind === 'npm');
      if (viaRegistry && file.sha256 === undefined)
        say(`${file.name} comes from a registry and needs a SHA-256`);
      for (const source of model.sources) {
        if (source.paths[file.name] === undefined)
          say(`${file.name} has no path in its ${source.kind} source`);
      }
    }
  }
  return problems;
}

export const CATALOG = catalogJson as Catalog;

/** @throws SottoError `unknown-model` naming what is near */
export function catalogModel(id: string, catalog: Catalog = CATALOG): CatalogModel {
  const found = catalog.models.find((model) => model.id === id);
  if (found !== undefined) return found;
  const near = nearNames(
    id,
    catalog.models.map((model) => model.id),
  );
  const hint =
    near.length === 0
      ? 'Run `sotto models list` to see what there is.'
      : `Did you mean ${near.join(' or ')}?`;
  throw new SottoError(`There is no model “${id}”. ${hint}`, { code: 'unknown-model', stage: 'models' });
}
