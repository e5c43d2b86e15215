export {
  earlyStopping,
  type EarlyStoppingOptions,
  type EvaluationRecord,
  type RunView,
  type TrainingCallback,
} from './callbacks';
export type { CheckpointOptions } from './checkpoint';
export { evaluateClassifier, type Evaluation } from './evaluate';
export { fit, type FitOptions, type FitRun, type RunOptions, type TrainingProgress } from './fit';
export { iterates, type IteratesOptions } from './iterates';
export { linearProbe } from './linearProbe';
export { crossEntropy } from './losses';
export { minimize, type StepReport } from './minimize';
export type { Part, Parts, WithParameters, WithWeights } from './parts';
export { randomWalks, type RandomWalksOptions } from './randomWalks';
export { rowMaxima, statisticsOf, type Followed, type Moment, type Quantity } from './statistics';
export { scanRates, type RateCurve, type RateScanOptions } from './scanRates';
export { tensorBoard } from './tensorBoard';
export { train, type TrainingRun, type TrainOptions } from './train';
export { loadTensors, loadWeights, saveTensors, saveWeights, type Weights } from './weights';
export {
  experiment,
  type Experiment,
  type ExperimentCheckpoint,
  type ExperimentOptions,
  type ExperimentProgress,
  type Measurement,
  type Measurements,
  type Row,
  type ExperimentSetting,
  type Trial,
  type TrialOptions,
} from './experiment';
export {
  findLearningRate,
  type LearningRateFinderOptions,
  type LearningRateScan,
} from './learningRateFinder';
export {
  best,
  curves,
  groupBy,
  scalarsOf,
  select,
  seriesOf,
  summarize,
  type NumberColumn,
  type Statistic,
} from './summaries';
