'use strict';

/** Seen from the back of the room: taller, with larger type. */
const enlarged = (layout) => ({
  ...layout,
  height: 560,
  font: { ...layout.font, size: 18 },
  margin: { l: 90, r: 20, t: layout.title ? 70 : 20, b: 70 },
});

const drawAll = (slide) =>
  Promise.all([...slide.querySelectorAll('figure.plot')].map((figure) => draw(figure, enlarged)));

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
  deck.on('slidechanged', ({ currentSlide }) => void drawAll(currentSlide));
  await drawAll(deck.isPrintView() ? document : deck.getCurrentSlide());
}

/** Settles when the first slide is complete. */
window.reportReady = start();
