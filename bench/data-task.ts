import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import type { ImageListConfig } from '../configs/dataset-schema.ts';
import { macs } from '../nas/space/cost.ts';
import { randomOf } from '../nas/space/random.ts';
import { iterationsOf, spaceNamed } from './train-task.ts';

/** What both sides load, given to each as a file. */
export interface DataTask {
  /** Its part `training` is used for both cases, so that both read the same files. */
  readonly dataset: ImageListConfig;
  /** Absolute paths of that part, in the order of its list. */
  readonly files: readonly string[];
  readonly augment: boolean;
  readonly batch: number;
  readonly workers: number;
}

/** Bytes of the noise that a photograph of this size has at quality 90: 110 KB a file on average, as in ImageNet. */
const NOISE = 40;
const SIDES = [
  [500, 375],
  [500, 375],
  [500, 333],
  [375, 500],
] as const;

/** Writes JPEGs of the sizes that ImageNet's have, and their list train.txt: `count` files, of which so many are different. */
export async function writePhotographs(folder: string, count: number, different: number): Promise<void> {
  mkdirSync(join(folder, 'train'), { recursive: true });
  const lines: string[] = [];
  for (let index = 0; index < count; index++) {
    const file = join('train', `${index}.JPEG`);
    lines.push(`${file} ${index % 10}\n`);
    if (index >= different) {
      linkSync(join(folder, 'train', `${index % different}.JPEG`), join(folder, file));
      continue;
    }
    const random = randomOf(0, 'photograph', index);
    const [width, height] = SIDES[index % SIDES.length]!;
    const coarse = Uint8Array.from({ length: 24 * 18 * 3 }, () => random.integer(256));
    const smooth = await sharp(coarse, { raw: { width: 24, height: 18, channels: 3 } })
      .resize(width, height, { fit: 'fill', kernel: 'cubic' })
      .raw()
      .toBuffer();
    const pixels = smooth.map((value) => Math.max(0, Math.min(255, value + NOISE * (random.uniform() - 0.5))));
    await sharp(pixels, { raw: { width, height, channels: 3 } })
      .jpeg({ quality: 90, chromaSubsampling: index % 2 === 0 ? '4:2:0' : '4:4:4' })
      .toFile(join(folder, file));
  }
  writeFileSync(join(folder, 'train.txt'), lines.join(''));
}

/** Floating-point operations of a sandwich step of the ImageNet space, for each image of its batch. */
export function sandwichFlops(): number {
  const space = spaceNamed('imagenet');
  const iterations = iterationsOf(space, 200);
  const all = iterations.flat().reduce((sum, { subnet, resolution }) => sum + macs(space, subnet, resolution), 0);
  // Two operations a MAC; backward twice what forward takes.
  return (2 * 3 * all) / iterations.length;
}
