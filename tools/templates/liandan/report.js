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

function draw(figure) {
  const canvas = figure.querySelector('.canvas');
  if (canvas.dataset.drawn) return Promise.resolve();
  canvas.dataset.drawn = 'true';
  const { data, layout, config } = JSON.parse(figure.querySelector('script').textContent);
  const { width, ...free } = layout;
  const size = fitted({ autosize: true, height: 400, ...free }, canvas.clientWidth);
  return Plotly.newPlot(canvas, data, size, { ...config, responsive: true, displaylogo: false });
}

const figures = [...document.querySelectorAll('figure.plot')];
const canvases = () => figures.map((figure) => figure.querySelector('.canvas'));

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

/** Settles when figures are drawn and formulas are set: what a printer waits for. */
window.reportReady = Promise.all([...figures.map(draw), MathJax.startup.promise.then(frameEquations)]);

const fold = document.getElementById('fold');
const listings = [...document.querySelectorAll('details.input')];
fold.addEventListener('click', () => {
  const hidden = fold.getAttribute('aria-pressed') !== 'true';
  fold.setAttribute('aria-pressed', String(hidden));
  fold.textContent = hidden ? fold.dataset.show : fold.dataset.hide;
  for (const listing of listings) listing.open = !hidden;
});

addEventListener('beforeprint', () => {
  for (const canvas of canvases()) Plotly.Plots.resize(canvas);
});

const links = new Map(
  [...document.querySelectorAll('nav.contents a')].map((link) => [decodeURIComponent(link.hash.slice(1)), link]),
);
const observer = new IntersectionObserver(
  (entries) => {
    const entry = entries.find(({ isIntersecting }) => isIntersecting);
    if (!entry) return;
    for (const link of links.values()) link.removeAttribute('aria-current');
    links.get(entry.target.id)?.setAttribute('aria-current', 'true');
  },
  { rootMargin: '0px 0px -75% 0px' },
);
for (const id of links.keys()) {
  const heading = document.getElementById(id);
  if (heading) observer.observe(heading);
}

const contents = document.querySelector('nav.contents details');
const wide = matchMedia('(min-width: 82rem)');
const unfoldContents = () => (contents.open = wide.matches);
wide.addEventListener('change', unfoldContents);
unfoldContents();
