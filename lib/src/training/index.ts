export { evaluateClassifier, type Evaluation } from './evaluate';
export { iterates, type IteratesOptions } from './iterates';
export { crossEntropy } from './losses';
export { train, type TrainingProgress, type TrainingRun, type TrainOptions } from './train';
