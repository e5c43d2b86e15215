'use strict';

/** A figure as a small still picture: no title, no legend, no slider, no words inside. */
function preview({ data, layout: { title, annotations, legend, sliders, height, margin, ...layout } }) {
  const small = scaled({ font: { size: 12 }, ...layout }, 0.75);
  return { data, layout: { ...small, showlegend: false, margin: { l: 44, r: 10, t: 12, b: 40 } } };
}

window.reportReady = Promise.all([
  ...[...document.querySelectorAll('figure.plot')].map((figure) =>
    draw(figure, { adapt: preview, config: { staticPlot: true } }),
  ),
  MathJax.startup.promise,
]);

// While notebooks run, this page is written anew from time to time.
if (document.getElementById('under-way')) setTimeout(() => location.reload(), 10_000);
