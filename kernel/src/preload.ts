/** What must be in place before any module of a notebook is loaded. */
import Module from 'node:module';
import util from 'node:util';

type ResolveFilename = (request: string, ...rest: unknown[]) => string;
const loader = Module as unknown as { _resolveFilename: ResolveFilename };
const resolveFilename = loader._resolveFilename;

// danfojs-node asks for @tensorflow/tfjs-node. A second copy of TensorFlow.js would have its own engine and tensors.
loader._resolveFilename = function (request, ...rest) {
  const shared = request.replace(/^@tensorflow\/tfjs-node(?=\/|$)/, '@tensorflow/tfjs-node-gpu');
  return resolveFilename.call(this, shared, ...rest);
};

// tfjs-node 4.22 calls two functions that Node 23 removed, and a cell may load it before the library does.
const legacyUtil = util as unknown as Record<string, unknown>;
legacyUtil.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
legacyUtil.isArray ??= Array.isArray;

// Deprecations inside dependencies are not the notebook's: as stderr they would fail a report.
process.noDeprecation = true;
