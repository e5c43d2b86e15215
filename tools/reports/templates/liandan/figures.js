'use strict';

/** Scales every size of type and every margin of a layout. */
function scaled(part, factor) {
  if (Array.isArray(part)) return part.map((item) => scaled(item, factor));
  if (part === null || typeof part !== 'object') return part;
  return Object.fromEntries(
    Object.entries(part).map(([name, value]) => {
      if (/font$/.test(name) && value?.size) return [name, { ...value, size: value.size * factor }];
      if (name === 'margin')
        return [name, Object.fromEntries(Object.entries(value).map(([side, size]) => [side, size * factor]))];
      return [name, scaled(value, factor)];
    }),
  );
}

/** Room for a legend of two or three rows. */
const legendHeight = 72;

/** Narrow screens: smaller type and margins, a legend that lies above the plot goes below it, and below a slider. */
function fitted(layout, width) {
  const margin = { l: 64, r: 24, t: layout.title ? 56 : 24, b: 56, ...layout.margin };
  if (width >= 560) return { ...layout, margin };
  const small = scaled({ font: { size: 12 }, ...layout, margin }, 0.85);
  if (layout.showlegend === false || !layout.legend) return small;
  small.margin.t = layout.title ? 44 : 20;
  const legend = { ...small.legend, orientation: 'h', x: 0, xanchor: 'left', yanchor: 'top' };
  if (!layout.sliders) return { ...small, legend: { ...legend, y: -0.2 } };
  const plot = layout.height - small.margin.t - small.margin.b;
  const height = layout.height + legendHeight;
  const below = { ...small.margin, b: small.margin.b + legendHeight };
  return { ...small, height, margin: below, legend: { ...legend, y: -small.margin.b / plot } };
}

/** Draws a figure once, as wide as its place; `adapt` changes its layout for where it is shown. */
async function draw(figure, adapt = fitted, options = {}) {
  const canvas = figure.querySelector('.canvas');
  if (canvas.dataset.drawn) return;
  canvas.dataset.drawn = 'true';
  try {
    const { data, layout, config } = JSON.parse(figure.querySelector('script').textContent);
    const { width, ...free } = layout ?? {};
    const fit = adapt({ height: 400, ...free, autosize: true }, canvas.clientWidth);
    await Plotly.newPlot(canvas, data, fit, {
      ...config,
      ...options,
      responsive: true,
      displaylogo: false,
      // Its default is a button that uploads the figure.
      showSendToCloud: false,
    });
  } catch (error) {
    // The rest of the page goes on without it.
    canvas.classList.add('broken');
    canvas.textContent = `✗ ${error.message}`;
  }
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
