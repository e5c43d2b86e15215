'use strict';

/** Narrow screens: the legend below the plot, smaller margins and type. */
function fitted(layout, width) {
  const top = layout.title ? 56 : 24;
  if (width >= 560) return { ...layout, margin: { t: top, ...layout.margin } };
  return {
    ...layout,
    font: { ...layout.font, size: 11 },
    margin: { l: 52, r: 12, t: top, b: 52 },
    legend: { ...layout.legend, orientation: 'h', x: 0, xanchor: 'left', y: -0.22, yanchor: 'top' },
  };
}

/** Draws a figure once, as wide as its place; `adapt` changes its layout for where it is shown. */
function draw(figure, adapt = fitted) {
  const canvas = figure.querySelector('.canvas');
  if (canvas.dataset.drawn) return Promise.resolve();
  canvas.dataset.drawn = 'true';
  const { data, layout, config } = JSON.parse(figure.querySelector('script').textContent);
  const { width, ...free } = layout;
  const fit = adapt({ autosize: true, height: 400, ...free }, canvas.clientWidth);
  return Plotly.newPlot(canvas, data, fit, { ...config, responsive: true, displaylogo: false });
}

/** An equation wider than the page scrolls by itself; a numbered one insists on its width, so it needs a frame. */
function frameEquations() {
  for (const equation of document.querySelectorAll('mjx-container[display="true"]')) {
    const frame = document.createElement('div');
    frame.className = 'equation';
    frame.tabIndex = 0;
    equation.replaceWith(frame);
    frame.append(equation);
  }
}
