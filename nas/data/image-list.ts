import { BadInput, FileFault } from '../../plan/endings.ts';
import path from 'node:path';
import type { ImageListConfig, PartName } from '../../configs/dataset-schema.ts';
import type { Dataset, Part } from './dataset.ts';
import type { FilePiece } from './images/decode.ts';
import { ImageLoader } from './images/loader.ts';
import type { ImageListFile } from './list-file.ts';
import { checkLists, dataRoot, listOfPart } from './lists.ts';
import { hasShards, Shards } from './shards/read.ts';

/** Where the images of a data set come from. */
interface ImageSource {
  /** @throws BadInput where it is not the one that the config names */
  list(part: PartName): ImageListFile;
  /** How errors name the image of a line. */
  nameOf(list: ImageListFile, line: number): string;
  /** The bytes of those images on this machine, each a file or a piece of one. */
  places(list: ImageListFile, lines: readonly number[]): Promise<(string | FilePiece)[]>;
}

/** What the parts of one data set share. */
interface Opened {
  readonly config: ImageListConfig;
  readonly source: ImageSource;
  readonly loader: ImageLoader;
  /** Names of broken images. */
  readonly broken: Set<string>;
}

/**
 * Opens a data set of images by their lists. Where they are files, all lists that are at hand are checked; one that is not
 * is missed when its part is asked for. Images are read, decoded and transformed by threads.
 * @throws BadInput where lists are wrong or share images, FileFault where one could not be read
 */
export async function openImageList(config: ImageListConfig): Promise<Dataset> {
  const source = hasShards(config) ? await Shards.open(config) : filesOf(config);
  const { name, classes, channels, resolution, normalise, transforms } = config;
  const loader = new ImageLoader({ resolution, normalise, resize: transforms.evaluation.resize });
  const opened: Opened = { config, source, loader, broken: new Set() };
  const parts = new Map<PartName, Part>();
  const part = (partName: PartName): Part => {
    const found = parts.get(partName) ?? openPart(partName, opened);
    parts.set(partName, found);
    return found;
  };
  return { name, classes, channels, resolution, normalise, part };
}

/** Images that are files below the root of the data set. */
function filesOf(config: ImageListConfig): ImageSource {
  checkLists(config);
  const root = dataRoot(config.root);
  const nameOf = (list: ImageListFile, line: number): string => path.resolve(root, list.path(line));
  return {
    list: (part) => listOfPart(config, part),
    nameOf,
    places: async (list, lines) => lines.map((line) => nameOf(list, line)),
  };
}

function openPart(name: PartName, opened: Opened): Part {
  const { config, source, loader } = opened;
  const list = source.list(name);
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
      const wanted = Array.from(positions, (position) => lines[position]!);
      const files = await source.places(list, wanted);
      const training = draw && { transforms, ...draw, positions };
      const failed = await loader.load({ files, training, images: target }, signal);
      for (const { index, reason, isBroken } of failed) {
        const image = source.nameOf(list, wanted[index]!);
        if (!isBroken) throw new FileFault(image, reason);
        countBroken(image, reason, opened);
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
    `${file}: expected an image that can be decoded, got: ${reason}; mend the file, take it off the list, or raise ` +
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
