/** Pulls a model in a process of its own: `pullChild.cjs HOME MODEL-AS-JSON`. */
import type { CatalogModel } from '../../src-main/contract/catalog.ts';
import { pullModel } from '../../src-main/engine/models/pull.ts';
import { openStore } from '../../src-main/engine/models/store.ts';

const [home = '', model = ''] = process.argv.slice(2);
pullModel(openStore(home), JSON.parse(model) as CatalogModel, {
  signal: new AbortController().signal,
  onWait: () => process.stdout.write('waiting\n'),
}).then(
  (fetched) => process.stdout.write(fetched ? 'fetched\n' : 'was there\n'),
  (error: Error) => {
    process.stdout.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
