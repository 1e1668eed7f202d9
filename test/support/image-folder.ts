import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import sharp from 'sharp';
import { DatasetConfig, ImageList, PartName } from '../../configs/dataset-schema.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { randomOf } from '../../nas/space/random.ts';

/** The data set that configs/datasets/imagenet.yml describes. */
export function imagenetConfig(): ImageListConfig {
  const file = new URL('../../configs/datasets/imagenet.yml', import.meta.url);
  const config = DatasetConfig.parse(load(readFileSync(file, 'utf8')));
  if (config.kind !== 'image-list') throw new Error(`imagenet.yml: expected an image-list, got ${config.kind}`);
  return config;
}

type Lists = Partial<ImageListConfig['parts']>;

/** The same with images of 32 pixels. Parts that are not given name lists that are not there. */
export function smallConfig(root: string, classes: number, lists: Lists): ImageListConfig {
  const config = imagenetConfig();
  return ImageList.parse({
    ...config,
    classes,
    resolution: 32,
    root,
    parts: Object.fromEntries(
      PartName.options.map((part) => [part, lists[part] ?? { list: `no ${part}.txt`, images: 1 }]),
    ),
    transforms: { ...config.transforms, evaluation: { resize: 36, crop: 32 } },
  });
}

/** How many pictures of each class go where. */
interface Counts {
  readonly classes: number;
  readonly train: number;
  readonly val: number;
}

/**
 * Writes `train/<wnid>/<wnid>_<i>.JPEG` and `val/<wnid>/….JPEG` below `root`: small pictures of random size, each class of
 * a colour of its own.
 */
export async function writeImageFolder(root: string, { classes, train, val }: Counts): Promise<void> {
  for (let label = 0; label < classes; label++) {
    const wnid = `n${String(1_440_764 + 997 * label).padStart(8, '0')}`;
    const [first, second] = [path.join(root, 'train', wnid), path.join(root, 'val', wnid)];
    for (const folder of [first, second]) mkdirSync(folder, { recursive: true });
    for (let i = 0; i < train; i++) await writePicture(path.join(first, `${wnid}_${i}.JPEG`), label / classes, i);
    for (let i = 0; i < val; i++) {
      const name = `ILSVRC2012_val_${String(label * val + i + 1).padStart(8, '0')}.JPEG`;
      await writePicture(path.join(second, name), label / classes, train + i);
    }
  }
}

async function writePicture(file: string, hue: number, index: number): Promise<void> {
  const random = randomOf(index, file.slice(-12));
  const [width, height] = [40 + random.integer(40), 40 + random.integer(40)];
  const waves = [1 + hue * 3, 4 - hue * 3, 2 + random.uniform()];
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.trunc(i / 3) % width, Math.trunc(i / 3 / width)];
    return 128 + 90 * Math.sin((x * waves[i % 3]! + y * waves[(i + 1) % 3]!) / 9) + 30 * random.uniform();
  });
  await sharp(pixels, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: 85 })
    .toFile(file);
}
