/** Prints what the state of the optimizer named takes for one large matrix: bytes of tensors, bytes of the process. */
const { memoryUse, tf } = require('../../dist/runtime');
const optimizers = require('../../dist/optimizers');

const optimizer = optimizers[process.argv[2]]();
const parameters = [
  [128, 128],
  [4096, 4096],
].map((shape, index) => ({
  variable: tf.tidy(() => tf.variable(tf.fill(shape, 1), true, `kernel${index}`)),
  gradient: tf.fill(shape, 1),
}));
const step = ({ variable, gradient }) =>
  optimizer.applyGradients([{ name: variable.name, tensor: gradient }]);

/** What is held once everything that can be freed is freed. */
async function settled() {
  for (let round = 0; round < 3; round++) {
    global.gc();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return memoryUse();
}

async function main() {
  const [small, large] = parameters;
  // Kernels are loaded and the large tensors are in TensorFlow before the first look.
  step(small);
  tf.mul(large.variable, large.gradient).dispose();
  const before = await settled();
  step(large);
  step(large);
  const after = await settled();
  const grown = (name) => after[name] - before[name];
  console.log(JSON.stringify({ tensors: grown('tensorBytes'), process: grown('processBytes') }));
}

main();
