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

/** A figure as it is, with the margins that it does not name. */
const asItIs = ({ data, layout }) => ({
  data,
  layout: { ...layout, margin: { l: 64, r: 24, t: layout.title ? 56 : 24, b: 56, ...layout.margin } },
});

/**
 * Draws a figure once, as wide as its place. `adapt` changes its data and layout for where it is shown; `settle` is called
 * with the canvas once it is drawn.
 */
async function draw(figure, { adapt = asItIs, settle, config: own = {} } = {}) {
  const canvas = figure.querySelector('.canvas');
  if (canvas.dataset.drawn) return;
  canvas.dataset.drawn = 'true';
  try {
    const { data, layout, config } = JSON.parse(figure.querySelector('script').textContent);
    const { width, ...free } = layout ?? {};
    const shown = { data, layout: { height: 400, ...free, autosize: true } };
    const fit = adapt(shown, canvas.clientWidth);
    await Plotly.newPlot(canvas, fit.data, fit.layout, {
      ...config,
      ...own,
      ...fit.config,
      responsive: true,
      displaylogo: false,
      // Its default is a button that uploads the figure.
      showSendToCloud: false,
    });
    await settle?.(canvas);
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
