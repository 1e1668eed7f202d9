import { BadInput } from '../../plan/endings.ts';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { isErrno } from '../../artifacts/files.ts';
import type { DatasetConfig } from '../../configs/dataset-schema.ts';
import { dataRoot } from './image-list.ts';

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
] as const;

/** A class a line, in the order of the labels. */
export const CLASS_NAMES = 'class_names.txt';

/**
 * What the classes of a data set are called, in the order of its labels. Of image lists they stand in
 * `class_names.txt`, beside the lists or in the data set's root; null where that file is missing.
 * @throws BadInput for a file of another number of classes
 */
export async function classNamesOf(dataset: DatasetConfig): Promise<readonly string[] | null> {
  if (dataset.kind === 'fashion-mnist') return FASHION;
  const root = dataRoot(dataset.root);
  const besideLists = path.dirname(path.resolve(root, dataset.parts.test.list));
  for (const folder of new Set([besideLists, root])) {
    const file = path.join(folder, CLASS_NAMES);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    });
    if (text === null) continue;
    const names = text.trimEnd().split('\n');
    if (names.length === dataset.classes) return names;
    throw new BadInput(
      `${file}: expected ${dataset.classes} lines, a class each, got ${names.length}; correct the file`,
    );
  }
  return null;
}
