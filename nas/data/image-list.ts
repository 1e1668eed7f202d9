import { BadInput, FileFault } from '../../plan/endings.ts';
import { isErrno } from '../../artifacts/files.ts';
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { ImageListConfig, PartName } from '../../configs/dataset-schema.ts';
import type { Dataset, Part } from './dataset.ts';
import { ImageLoader } from './images/loader.ts';
import { readImageList } from './list-file.ts';
import type { ImageListFile } from './list-file.ts';

/** What the parts of one data set share. */
interface Opened {
  readonly config: ImageListConfig;
  /** Absolute. */
  readonly root: string;
  readonly loader: ImageLoader;
  /** Files of broken images. */
  readonly broken: Set<string>;
}

/**
 * Opens a data set of image files by their lists. A list is read when its part is first asked for; images are read,
 * decoded and transformed by threads.
 */
export function openImageList(config: ImageListConfig): Dataset {
  const { name, classes, channels, resolution, normalise, transforms } = config;
  const loader = new ImageLoader({ resolution, normalise, resize: transforms.evaluation.resize });
  const opened: Opened = { config, root: dataRoot(config.root), loader, broken: new Set() };
  const lists = new Map<string, ImageListFile>();
  const parts = new Map<PartName, Part>();
  const listOf = (file: string): ImageListFile => {
    const list = lists.get(file) ?? readImageList(file, classes);
    lists.set(file, list);
    return list;
  };
  const part = (partName: PartName): Part => {
    const found = parts.get(partName) ?? openPart(partName, opened, listOf);
    parts.set(partName, found);
    return found;
  };
  return { name, classes, channels, resolution, normalise, part };
}

/** A root that is not absolute lies below `NAS_DATA`, or `data` in the clone. */
export function dataRoot(root: string): string {
  const data = process.env['NAS_DATA'] || fileURLToPath(new URL('../../data', import.meta.url));
  return path.resolve(data, root);
}

/** A class a line, in the order of the labels. */
export const CLASS_NAMES = 'class_names.txt';

/**
 * What the classes are called, in the order of their labels: the lines of `class_names.txt`, beside the lists or in the
 * data set's root; null where that file is missing.
 * @throws BadInput for a file of another number of classes
 */
export async function namesOfImageList(config: ImageListConfig): Promise<readonly string[] | null> {
  const root = dataRoot(config.root);
  const besideLists = path.dirname(path.resolve(root, config.parts.test.list));
  for (const folder of new Set([besideLists, root])) {
    const file = path.join(folder, CLASS_NAMES);
    const text = await readFile(file, 'utf8').catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return null;
      throw error;
    });
    if (text === null) continue;
    const names = text.trimEnd().split('\n');
    if (names.length === config.classes) return names;
    throw new BadInput(
      `${file}: expected ${config.classes} lines, a class each, got ${names.length}; correct the file`,
    );
  }
  return null;
}

function openPart(name: PartName, opened: Opened, listOf: (file: string) => ImageListFile): Part {
  const { config, root, loader } = opened;
  const { list: listName, images, sha256 } = config.parts[name];
  const file = path.resolve(root, listName);
  const list = listOf(file);
  if (list.size !== images) {
    throw new BadInput(
      `${file}: expected ${images} images, as parts.${name} of the data set ${config.name} says, got ${list.size}; ` +
        'write the list anew with nas data imagenet, or correct the number',
    );
  }
  if (sha256 !== undefined && list.sha256 !== sha256) {
    throw new BadInput(
      `${file}: expected sha256 ${sha256}, as parts.${name} of the data set ${config.name} says, got ${list.sha256}; ` +
        'the list was changed: write it anew with nas data imagenet, or correct the hash',
    );
  }
  const lines = inTurns(list.labels, config.classes);
  const isAlone = name === 'ground-truth-training';
  const transforms = isAlone ? config.transforms.ground_truth_training : config.transforms.training;
  return {
    name,
    size: list.size,
    // Of the list alone: hashing the images would take hours.
    sha256: list.sha256,
    labels: Uint16Array.from(lines, (line) => list.labels[line]!),
    async read(positions, draw, target, signal) {
      const files = Array.from(positions, (position) => path.resolve(root, list.path(lines[position]!)));
      const training = draw && { transforms, ...draw, positions };
      const failed = await loader.load({ files, training, images: target }, signal);
      for (const { index, reason, isBroken } of failed) {
        if (!isBroken) throw new FileFault(files[index]!, reason);
        countBroken(files[index]!, reason, opened);
      }
      return new Set(failed.map(({ index }) => positions[index]!));
    },
  };
}

/** Notes a broken image, once; throws when there are more than the config allows. */
function countBroken(file: string, reason: string, { config, broken }: Opened): void {
  if (broken.has(file)) return;
  broken.add(file);
  const allowed = config.broken_images;
  if (broken.size <= allowed) {
    console.error(`${file}: left out, ${reason} (${broken.size} of at most ${allowed} broken images)`);
    return;
  }
  throw new BadInput(
    `${file}: expected an image, got one that cannot be decoded (${reason}); mend the file, take it off the list, or raise ` +
      `broken_images of the data set ${config.name} (${allowed})`,
  );
}

/** The order of `labels` that takes the classes in turns, each class's own order kept: 0 1 2 … 0 1 2 …. */
function inTurns(labels: Uint16Array, classes: number): Int32Array {
  const seen = new Int32Array(classes);
  const rounds = Int32Array.from(labels, (label) => seen[label]!++);
  const byLabel = sorted(Int32Array.from(labels.keys()), labels, classes);
  return sorted(
    byLabel,
    rounds,
    seen.reduce((most, count) => Math.max(most, count), 0),
  );
}

/** `order` by its elements' keys in 0..limit-1; equal keys stay as they are. */
function sorted(order: Int32Array, keys: Int32Array | Uint16Array, limit: number): Int32Array {
  const starts = new Int32Array(limit + 1);
  for (const key of keys) starts[key + 1]!++;
  for (let key = 0; key < limit; key++) starts[key + 1]! += starts[key]!;
  const result = new Int32Array(order.length);
  for (const element of order) result[starts[keys[element]!]!++] = element;
  return result;
}
