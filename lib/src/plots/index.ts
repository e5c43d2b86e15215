export type { AxisOptions } from './axis';
export { bars, type BarSeries, type BarsOptions } from './bars';
export { figure, type Figure, type FigureOptions, type Reference } from './figure';
export { formatColumn, formatNumber } from './format';
export { heatMap, type HeatMapOptions, type HeatMapPanel, type Matrix } from './heatMap';
export { histogram, type HistogramMeasure, type HistogramOptions, type HistogramSample } from './histogram';
export { imageGrid, type ImageGridOptions } from './imageGrid';
export {
  lineChart,
  lossCurves,
  type LineChartOptions,
  type LineSeries,
  type LossCurvesOptions,
} from './lineChart';
export { seriesColors, seriesLook, type SeriesLook } from './look';
export type { Numbers } from './numbers';
export { scatter, type ScatterOptions, type ScatterSeries } from './scatter';
export { withSlider, type SliderOptions } from './slider';
export {
  binCounts,
  binEdges,
  groupMeans,
  logLevels,
  quantile,
  seedBand,
  type Band,
  type SeedBand,
} from './statistics';
export { trajectories, type Point, type TrajectoriesOptions, type Trajectory } from './trajectories';
