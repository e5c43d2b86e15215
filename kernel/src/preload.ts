/** What must be in place before any module of a notebook is loaded. */
import Module from 'node:module';
// A cell may load TensorFlow.js before the library does.
import 'liandan/environment';

type ResolveFilename = (request: string, ...rest: unknown[]) => string;
const loader = Module as unknown as { _resolveFilename: ResolveFilename };
const resolveFilename = loader._resolveFilename;

// danfojs-node asks for @tensorflow/tfjs-node. A second copy of TensorFlow.js would have its own engine and tensors.
loader._resolveFilename = function (request, ...rest) {
  const shared = request.replace(/^@tensorflow\/tfjs-node(?=\/|$)/, '@tensorflow/tfjs-node-gpu');
  return resolveFilename.call(this, shared, ...rest);
};

// Deprecations inside dependencies are not the notebook's: as stderr they would fail a report.
process.noDeprecation = true;
