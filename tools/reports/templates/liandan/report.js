'use strict';

const figures = [...document.querySelectorAll('figure.plot')];
const canvases = () => figures.map((figure) => figure.querySelector('.canvas'));

/** Settles when figures are drawn and formulas are set: what a printer waits for. */
window.reportReady = Promise.all([
  ...figures.map((figure) => draw(figure, inColumn)),
  MathJax.startup.promise.then(frameEquations),
]);

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
  [...document.querySelectorAll('nav.contents a')].map((link) => [link.getAttribute('href').slice(1), link]),
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
