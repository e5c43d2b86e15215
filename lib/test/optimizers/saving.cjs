// Makes steps and saves the state after each: node saving.cjs file seed steps. Writes a line after the first save.
require('@tensorflow/tfjs-backend-cpu');
const tfc = require('@tensorflow/tfjs-core');
const { saveState, sgd } = require('../../dist/optimizers');

async function main([path, seed, steps]) {
  const size = 200_000;
  const x = tfc.variable(tfc.fill([size], Number(seed)), true, 'x');
  const optimizer = sgd({ momentum: 0.5 });
  for (let count = 0; count < Number(steps); count++) {
    tfc.tidy(() => optimizer.applyGradients({ x: tfc.fill([size], count) }));
    await saveState(optimizer, path);
    if (count === 0) console.log('saved');
  }
  x.dispose();
}

void main(process.argv.slice(2));
