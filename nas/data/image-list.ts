import { BadInput } from '../../plan/endings.ts';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageListConfig, PartName } from '../../configs/dataset-schema.ts';
import { inTurns } from './batches.ts';
import type { Dataset, Part } from './dataset.ts';
import { readImageList } from './images/image-list-file.ts';
import type { ImageListFile } from './images/image-list-file.ts';
import { ImageLoader } from './images/loader.ts';
import type { BrokenImage, LoaderJob } from './images/loader.ts';

/** What the parts of one data set share. */
interface Opened {
  readonly config: ImageListConfig;
  /** Absolute. */
  readonly root: string;
  readonly loader: ImageLoader;
  /** Files that could not be read. */
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
  const { ground_truth_training: alone, training } = config.transforms;
  const transforms = name === 'ground-truth-training' ? alone : training;
  return {
    name,
    size: list.size,
    // Of the list alone: hashing the images would take hours.
    sha256: list.sha256,
    labels: Uint16Array.from(lines, (line) => list.labels[line]!),
    async read(positions, draw, target, signal) {
      const files = Array.from(positions, (position) => path.resolve(root, list.path(lines[position]!)));
      const job = { files, training: draw && { transforms, ...draw, positions } };
      const broken = await loadInto(target, loader, job, signal);
      for (const { index, reason } of broken) countBroken(files[index]!, reason, opened);
      return new Set(broken.map(({ index }) => positions[index]!));
    },
  };
}

/** Threads write into shared memory only. */
async function loadInto(
  target: Float32Array,
  loader: ImageLoader,
  job: Pick<LoaderJob, 'files' | 'training'>,
  signal?: AbortSignal,
): Promise<BrokenImage[]> {
  const { buffer, byteOffset, byteLength } = target;
  if (buffer instanceof SharedArrayBuffer && byteOffset === 0) {
    return await loader.load({ ...job, images: buffer }, signal);
  }
  const images = new SharedArrayBuffer(byteLength);
  const broken = await loader.load({ ...job, images }, signal);
  target.set(new Float32Array(images));
  return broken;
}

/** Notes a file that could not be read, once; throws when there are more than the config allows. */
function countBroken(file: string, reason: string, { config, broken }: Opened): void {
  if (broken.has(file)) return;
  broken.add(file);
  const allowed = config.broken_images;
  if (broken.size <= allowed) {
    console.error(`${file}: left out, ${reason} (${broken.size} of at most ${allowed} broken images)`);
    return;
  }
  throw new BadInput(
    `${file}: expected a JPEG or PNG that can be read, got: ${reason}; mend the file, take it off the list, or raise ` +
      `broken_images of the data set ${config.name} (${allowed})`,
  );
}
