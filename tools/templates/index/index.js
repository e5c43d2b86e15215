'use strict';

/** A figure as a small still picture: no interaction, no title, no legend. */
function preview(figure) {
  const { data, layout } = JSON.parse(figure.querySelector('script').textContent);
  const { width, height, title, annotations, ...rest } = layout;
  const small = {
    ...rest,
    autosize: true,
    showlegend: false,
    font: { ...layout.font, size: 10 },
    margin: { l: 46, r: 10, t: 12, b: 38 },
  };
  return Plotly.newPlot(figure.querySelector('.canvas'), data, small, { staticPlot: true, responsive: true });
}

window.reportReady = Promise.all([
  ...[...document.querySelectorAll('figure.plot')].map(preview),
  MathJax.startup.promise,
]);
