export { evaluateClassifier, type Evaluation } from './evaluate';
export {
  fit,
  minimize,
  type FitOptions,
  type FitRun,
  type RunOptions,
  type StepReport,
  type TrainingProgress,
} from './fit';
export { iterates, type IteratesOptions } from './iterates';
export { crossEntropy } from './losses';
export { rowMaxima, statisticsOf, type Followed, type Moment, type Quantity } from './statistics';
export { train, type TrainingRun, type TrainOptions } from './train';
