'use strict';

/** Seen from the back of the room: larger, but not higher than the slide. */
function enlarged(figure) {
  const { data, layout } = asItIs(figure);
  const large = scaled({ font: { size: 12 }, ...layout }, 1.4);
  return { data, layout: { ...large, height: Math.min(600, 1.4 * layout.height) } };
}

const drawAll = (slide) =>
  Promise.all([...slide.querySelectorAll('figure.plot')].map((figure) => draw(figure, { adapt: enlarged })));

/** Type gets smaller, to a limit, until what a slide holds fits; beyond that it scrolls. */
function fit(slide) {
  for (const size of [92, 84, 76, 68]) {
    if (slide.scrollHeight <= slide.clientHeight) return;
    slide.style.fontSize = `${size}%`;
  }
}

async function show(slide) {
  await drawAll(slide);
  fit(slide);
}

async function start() {
  await MathJax.startup.promise;
  frameEquations();
  const deck = new Reveal({
    plugins: [RevealNotes],
    hash: true,
    width: 1280,
    height: 800,
    margin: 0.03,
    center: false,
    slideNumber: 'c/t',
  });
  await deck.initialize();
  window.deck = deck;
  // A plot needs a place with a size, which only slides that are shown have.
  deck.on('slidechanged', ({ currentSlide }) => void show(currentSlide));
  await (deck.isPrintView() ? drawAll(document) : show(deck.getCurrentSlide()));
}

/** Settles when the first slide is complete. */
window.reportReady = start();
