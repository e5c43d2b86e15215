export { epochBatches } from './batches';
export { dataFolder, DataError } from './files';
export { parseIdx, type IdxArray } from './idx';
export {
  imageTensors,
  loadFashionMnist,
  loadMnist,
  type Examples,
  type ImageDataset,
  type ImageSplit,
} from './images';
export { loadMobyDick } from './mobyDick';
export {
  characterVocabulary,
  loadReviews,
  loadTangAndSong,
  parseLabelledTexts,
  textTensors,
  type TextDataset,
  type TextSplit,
  type Vocabulary,
} from './texts';
