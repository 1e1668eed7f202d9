import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DatasetError } from '../dataset-error.ts';

/**
 * Classes by the names of image files, without their endings. A line is a file's name and its class, divided by a space or
 * a comma: the class's folder name in train/, or its number from 0. What follows is passed over, as is a first line that
 * names columns, so Kaggle's LOC_val_solution.csv is one.
 * @throws DatasetError naming the line
 */
export async function readLabels(file: string, names: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`${file}: expected a file of labels, got ${got}; correct --val-labels`, { cause });
  });
  const labelOf = new Map(names.map((name, label) => [name, label]));
  const labels = new Map<string, number>();
  for (const [index, line] of text.split('\n').entries()) {
    const [name = '', given] = line.trim().split(/[\s,]+/);
    if (name === '' || (index === 0 && name === 'ImageId')) continue;
    const number = given !== undefined && /^\d+$/.test(given) ? Number(given) : NaN;
    const label = labelOf.get(given ?? '') ?? (number < names.length ? number : undefined);
    if (label === undefined) {
      const classes = `a class of train/ (${names[0]} …) or a number 0..${names.length - 1}`;
      const got = JSON.stringify(line.trim().slice(0, 80));
      const remedy =
        given === undefined ? '; numbers of the development kit alone do not say which class they mean' : '';
      throw new DatasetError(`${file}:${index + 1}: expected the name of an image and ${classes}, got ${got}${remedy}`);
    }
    labels.set(path.parse(name).name, label);
  }
  return labels;
}
