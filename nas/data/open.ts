import type { DatasetConfig } from '../../configs/dataset-schema.ts';
import { namesOfImageList } from './class-names.ts';
import type { Dataset } from './dataset.ts';
import { FASHION_NAMES, openFashionMnist } from './fashion-mnist.ts';
import { openImageList } from './image-list.ts';

/** Opens a data set. Throws BadInput where its files are missing or not what they should be. */
export async function openDataset(config: DatasetConfig): Promise<Dataset> {
  return config.kind === 'fashion-mnist' ? await openFashionMnist(config) : await openImageList(config);
}

/**
 * What the classes of a data set are called, in the order of its labels; null where nobody has said it.
 * @throws BadInput for a file of another number of classes
 */
export async function classNamesOf(config: DatasetConfig): Promise<readonly string[] | null> {
  return config.kind === 'fashion-mnist' ? FASHION_NAMES : await namesOfImageList(config);
}
