import type { DatasetConfig } from '../../configs/dataset-schema.ts';

// github.com/zalandoresearch/fashion-mnist, in the order of its labels.
const FASHION = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/** What the classes of a data set are called, in the order of its labels; null where it does not say. */
export function classNamesOf(dataset: DatasetConfig): readonly string[] | null {
  return dataset.kind === 'fashion-mnist' ? FASHION : null;
}
