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
export { markovText, type MarkovText, type MarkovTextOptions } from './markovText';
export { maskTokens, type MaskedTokens, type MaskingOptions } from './masking';
export { loadMobyDick } from './mobyDick';
export { encodeTexts, nextTokenExamples } from './sequences';
export { loadTangPoems } from './tangPoems';
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
export { halfSize, markBorder } from './borders';
export { classTokens, type ClassTokens } from './classTokens';
export { frequencyGroups, tokenCounts } from './tokenCounts';
export { zipf, type Zipf } from './zipf';
