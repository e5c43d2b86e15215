/** The shared look: colours that colour-blind readers can tell apart, and a second sign for each series. */
import type { Dash, PatternShape } from 'plotly.js';

/**
 * Colours of series: the palette of Okabe and Ito (2008), darkest first, with grey in place of its yellow, which is hardly
 * visible on white. Source: https://jfly.uni-koeln.de/color/
 */
export const seriesColors = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#000000',
  '#808080',
] as const;

const dashes = ['solid', 'dash', 'dot', 'dashdot', 'longdash', 'longdashdot'] as const;
const symbols = [
  'circle',
  'square',
  'diamond',
  'triangle-up',
  'x',
  'cross',
  'star',
  'triangle-down',
  'pentagon',
  'hexagram',
] as const;
const patterns = ['', '/', '.', 'x', '\\', '-', '+', '|'] as const;

/** How the series with this index is drawn, in every kind of figure. */
export interface SeriesLook {
  color: string;
  dash: Dash;
  symbol: string;
  pattern: PatternShape;
}

/** Look of a series; distinct for the indices 0 to 23. */
export function seriesLook(index: number): SeriesLook {
  if (!Number.isInteger(index) || index < 0) {
    throw new RangeError(`The look of a series is an integer of at least 0, got ${index}.`);
  }
  return {
    color: seriesColors[index % seriesColors.length]!,
    dash: dashes[index % dashes.length]!,
    symbol: symbols[index % symbols.length]!,
    pattern: patterns[(index + Math.floor(index / patterns.length)) % patterns.length]!,
  };
}

/** `#RRGGBB` with an opacity, as CSS. */
export function translucent(color: string, opacity: number): string {
  const channels = [1, 3, 5].map((start) => Number.parseInt(color.slice(start, start + 2), 16));
  return `rgba(${channels.join(', ')}, ${opacity})`;
}

/** Cividis: perceptually even, and the same to readers with red-green blindness (Nuñez et al. 2018). */
export const sequentialScale: [number, string][] = spread([
  '#00204D',
  '#00336F',
  '#39486B',
  '#575C6D',
  '#707173',
  '#8A8779',
  '#A69D75',
  '#C4B56C',
  '#E4CF5B',
  '#FFEA46',
]);

/** Blue through white to red (ColorBrewer RdBu), for values on both sides of a centre. */
export const divergingScale: [number, string][] = spread([
  '#2166AC',
  '#4393C3',
  '#92C5DE',
  '#D1E5F0',
  '#F7F7F7',
  '#FDDBC7',
  '#F4A582',
  '#D6604D',
  '#B2182B',
]);

/** Light greys behind the lines of a trajectory plot. */
export const backdropScale: [number, string][] = spread(['#AEBECF', '#D5DEE8', '#FFFFFF']);

function spread(colors: readonly string[]): [number, string][] {
  return colors.map((color, i) => [Number((i / (colors.length - 1)).toFixed(4)), color]);
}

export const ink = '#222222';
export const faint = '#E3E6E8';
export const grey = '#6B6B6B';
export const font = {
  family: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif',
  size: 14,
  color: ink,
};
