import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OptionDefaults } from 'typedoc';
import { nameParameters } from './parameters.mjs';
import { typesetFormulas } from './formulas.mjs';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** @type {import('typedoc').TypeDocOptions} */
export default {
  name: 'liandan',
  entryPoints: [join(root, 'lib', 'src', '*', 'index.ts')],
  tsconfig: join(root, 'lib', 'tsconfig.json'),
  projectDocuments: ['OPTIMIZERS.md', 'COMPILE.md'].map((page) => join(root, 'lib', page)),
  out: join(root, 'reports', 'api'),
  readme: 'none',
  disableSources: true,
  // The check `types` has done that.
  skipErrorChecking: true,
  excludePrivate: true,
  // What tfjs-core says about its own members belongs to its own reference.
  excludeExternals: true,
  plugin: [nameParameters],
  markdownItLoader: typesetFormulas,
  modifierTags: [...OptionDefaults.modifierTags, '@nocollapse'],
  notRenderedTags: [...OptionDefaults.notRenderedTags, '@nocollapse'],
  requiredToBeDocumented: ['Class', 'Function'],
  // Names of the tensors and scalars inside one optimizer.
  intentionallyNotExported: ['Slot', 'AnyDefinition'],
  validation: {
    notExported: true,
    invalidLink: true,
    invalidPath: true,
    rewrittenLink: true,
    notDocumented: true,
  },
  treatWarningsAsErrors: true,
};
