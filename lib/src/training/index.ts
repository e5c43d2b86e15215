export { evaluateClassifier, type Evaluation } from './evaluate';
export { crossEntropy } from './losses';
export { train, type TrainingProgress, type TrainingRun, type TrainOptions } from './train';
