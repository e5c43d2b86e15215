'use strict';

/** A column narrower than this is a phone. */
const NARROW = 560;
/** Of the page, left and right of its column. */
const PADDING = 40;
const SMALLEST_TEXT = 7;
/** The tool bar at the upper right of a figure. */
const TOOLS_WIDTH = 180;
const TOOLS_HEIGHT = 32;
/** Height of a line of text, in sizes of its type. */
const LINE = 1.3;

const pen = document.createElement('canvas').getContext('2d');

function widthOf(html, size) {
  pen.font = `${size}px ${getComputedStyle(document.body).fontFamily}`;
  return pen.measureText(html.replace(/<[^>]*>/g, '')).width;
}

/** The text in lines of at most `room` pixels. A blank inside a tag is none between words. */
function wrapped(text, room, size) {
  const lines = text.split('<br>').flatMap((line) => {
    const made = [];
    for (const word of line.split(/ (?![^<]*>)/)) {
      const longer = made.length > 0 ? `${made.at(-1)} ${word}` : word;
      if (made.length > 0 && widthOf(longer, size) <= room) made[made.length - 1] = longer;
      else made.push(word);
    }
    return made;
  });
  return lines.join('<br>');
}

const withLines = (title, room, size) =>
  title?.text ? { ...title, text: wrapped(title.text, room, title.font?.size ?? size) } : title;

/** The heading in lines. Plotly moves one of several lines up by half of what they are higher. */
function heading(title, room, size) {
  const made = withLines(title, room, size);
  const more = ((linesOf(made) - 1) * LINE * (made?.font?.size ?? size)) / 2;
  return more > 0 ? { ...made, pad: { ...made.pad, t: (made.pad?.t ?? 0) + more } } : made;
}

const linesOf = (title) => (title?.text ? title.text.split('<br>').length : 0);

/** The title, and those of the positions of a slider. */
const allTitles = ({ title, sliders = [] }) => [
  title,
  ...sliders.flatMap(({ steps }) => steps.map(({ args }) => args?.[1]?.title)),
];

const isAxis = (name) => /^[xy]axis\d*$/.test(name);
const axisName = (short) => short.replace(/^([xy])/, '$1axis');

/** Changes the layout, and what the positions of a slider put in its place. */
function everywhere(layout, change) {
  const changed = change(layout);
  if (!layout.sliders) return changed;
  const step = (one) => {
    const [traces, parts = {}] = one.args ?? [];
    const { title, annotations, shapes } = change({ ...layout, ...parts });
    const all = { title, annotations, shapes };
    const own = Object.fromEntries(Object.keys(parts).map((name) => [name, all[name] ?? parts[name]]));
    return { ...one, args: [traces, own] };
  };
  const sliders = layout.sliders.map((slider) => ({ ...slider, steps: slider.steps.map(step) }));
  return { ...changed, sliders };
}

/** Heat maps that stand side by side, one below the other. */
function stacked({ data, layout }) {
  const maps = data.filter(({ type }) => type === 'heatmap');
  const panels = [
    ...new Map(
      maps.map(({ xaxis = 'x', yaxis = 'y' }) => [xaxis, { x: axisName(xaxis), y: axisName(yaxis) }]),
    ).values(),
  ];
  const domainOf = (name) => layout[name]?.domain ?? [0, 1];
  if (panels.length < 2 || panels.every(({ x }) => domainOf(x)[0] === domainOf(panels[0].x)[0]))
    return { data, layout };
  const count = panels.length;
  const gap = 0.16 / count;
  const share = (1 - gap * (count - 1)) / count;
  const { margin, height } = layout;
  const [low, high] = domainOf(panels[0].y);
  const panelHeight = (height - margin.t - margin.b) * (high - low) * 0.8;
  const places = panels.map((panel, i) => ({
    ...panel,
    domain: [1 - share - i * (share + gap), 1 - i * (share + gap)],
  }));
  const axes = places.flatMap(({ x, y, domain }, i) => [
    [
      x,
      {
        ...layout[x],
        domain: [0, 1],
        showticklabels: i === count - 1,
        ...(i < count - 1 && { title: undefined }),
      },
    ],
    [y, { ...layout[y], domain, showticklabels: true, title: layout[panels[0].y].title }],
  ]);
  const isHeading = (note, { x, y }) =>
    note.yref === 'paper' &&
    Math.abs(note.y - domainOf(y)[1]) < 1e-6 &&
    note.x > domainOf(x)[0] &&
    note.x < domainOf(x)[1];
  const moved = (note) => {
    const i = panels.findIndex((panel) => isHeading(note, panel));
    return i < 0 ? note : { ...note, x: 0.5, y: places[i].domain[1] };
  };
  const change = (one) => ({ ...one, annotations: (one.annotations ?? []).map(moved) });
  const stackHeight = margin.t + margin.b + (panelHeight * count) / (share * count);
  return {
    data,
    layout: { ...everywhere(layout, change), ...Object.fromEntries(axes), height: stackHeight },
  };
}

/** The scale of colours below the plot, not beside it; numbers in cells as small as they must be, or left out. */
function narrowMaps({ data, layout }, width) {
  let hasScale = false;
  const traces = data.map((trace) => {
    if (trace.type !== 'heatmap') return trace;
    const columns = trace.z[0]?.length ?? 1;
    const longest = Math.max(0, ...(trace.text ?? []).flat().map((text) => String(text).length));
    const size = Math.min(
      trace.textfont?.size ?? 12,
      (width - layout.margin.l - layout.margin.r) / columns / (0.62 * longest + 0.6),
    );
    const { texttemplate, ...plain } = trace;
    const numbers =
      texttemplate && size >= SMALLEST_TEXT ? { texttemplate, textfont: { ...trace.textfont, size } } : {};
    if (!trace.colorbar || trace.showscale === false) return { ...plain, ...numbers };
    hasScale = true;
    const { title } = trace.colorbar;
    const colorbar = {
      ...trace.colorbar,
      orientation: 'h',
      thickness: 10,
      x: 0.5,
      xanchor: 'center',
      y: 0,
      yref: 'container',
      yanchor: 'bottom',
      title: { ...title, side: 'bottom', font: { size: 12 } },
      tickfont: { size: 11 },
    };
    return { ...plain, ...numbers, colorbar };
  });
  if (!hasScale) return { data: traces, layout };
  const scaleHeight = 64;
  const margin = { ...layout.margin, b: layout.margin.b + scaleHeight };
  return { data: traces, layout: { ...layout, margin, height: layout.height + scaleHeight } };
}

/** Titles of the figure and of its axes in as many lines as they need; the figure grows by the lines of its title. */
function withWrappedTitles(layout, width, toolsWidth) {
  const { margin, height } = layout;
  const size = layout.font?.size ?? 12;
  const room = { x: width - margin.l - margin.r, y: height - margin.t - margin.b };
  const change = (one) => ({ ...one, title: heading(one.title, width - 24 - toolsWidth, size) });
  const changed = everywhere(layout, change);
  const lines = Math.max(1, ...allTitles(changed).map(linesOf));
  const more = (lines - 1) * LINE * (changed.title?.font?.size ?? size);
  const axes = Object.entries(layout)
    .filter(([name]) => isAxis(name))
    .map(([name, axis]) => {
      const [from, to] = axis.domain ?? [0, 1];
      return [
        name,
        { ...axis, ...(axis.title && { title: withLines(axis.title, room[name[0]] * (to - from), size) }) },
      ];
    });
  return {
    ...changed,
    ...Object.fromEntries(axes),
    margin: { ...margin, t: margin.t + more },
    height: height + more,
  };
}

/** What fits the column of a report. On a phone: smaller type, maps below each other, no tool bar, which would cover them. */
function fitted(figure, width) {
  const { data, layout } = asItIs(figure);
  if (width >= NARROW) return { data, layout: withWrappedTitles(layout, width, TOOLS_WIDTH) };
  const small = scaled({ font: { size: 12 }, ...layout }, 0.85);
  const legend = { ...small.legend, orientation: 'h', x: 0, xanchor: 'left', y: 1, yanchor: 'bottom' };
  const maps = narrowMaps(stacked({ data, layout: small }), width);
  const titled = withWrappedTitles(
    { ...maps.layout, ...(layout.showlegend !== false && { legend }) },
    width,
    0,
  );
  return { data: maps.data, layout: titled, config: { displayModeBar: false } };
}

const box = (canvas, selector) => {
  const boxes = [...canvas.querySelectorAll(selector)].map((part) => part.getBoundingClientRect());
  const seen = boxes.filter(({ width, height }) => width > 0 && height > 0);
  if (seen.length === 0) return undefined;
  return {
    top: Math.min(...seen.map(({ top }) => top)),
    bottom: Math.max(...seen.map(({ bottom }) => bottom)),
  };
};

/** Moves the legend clear of the title, and the slider clear of the axis: their sizes are known once they are drawn. */
async function settled(canvas) {
  const { layout } = canvas;
  const change = {};
  let { height } = layout;
  const legend = box(canvas, '.legend');
  if (legend && layout.legend?.orientation === 'h') {
    change['margin.t'] = spaceAbove(canvas) + legend.bottom - legend.top + 10;
    height += change['margin.t'] - layout.margin.t;
  }
  const axis = box(canvas, '.xaxislayer-above, .xtitle');
  const slider = box(canvas, '.slider-container');
  if (axis && slider) {
    const pad = axis.bottom - box(canvas, '.nsewdrag').bottom + 10;
    const more = pad - layout.sliders[0].pad.t;
    change['sliders[0].pad.t'] = pad;
    change['margin.b'] = layout.margin.b + more;
    height += more;
  }
  if (Object.keys(change).length > 0) await Plotly.relayout(canvas, { ...change, height });
}

/** What the title takes, the longest one of all positions of a slider, or without a title the tool bar. */
function spaceAbove(canvas) {
  const { title, font } = canvas.layout;
  const seen = box(canvas, '.gtitle');
  if (!seen) return canvas.clientWidth < NARROW ? 8 : TOOLS_HEIGHT;
  const more = Math.max(...allTitles(canvas.layout).map(linesOf)) - linesOf(title);
  return (
    seen.bottom - canvas.getBoundingClientRect().top + more * LINE * (title.font?.size ?? font?.size ?? 12)
  );
}

/** How figures are drawn in a report. */
const inColumn = { adapt: fitted, settle: settled };

// A phone that is turned: what was fitted to one width is fitted to the other.
matchMedia(`(min-width: ${NARROW + PADDING}px)`).addEventListener('change', () => {
  for (const figure of document.querySelectorAll('figure.plot')) {
    const canvas = figure.querySelector('.canvas');
    if (!canvas.dataset.drawn) continue;
    Plotly.purge(canvas);
    delete canvas.dataset.drawn;
    void draw(figure, inColumn);
  }
});
