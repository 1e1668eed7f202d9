import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FashionMnistConfig, PartName } from '../../configs/dataset-schema.ts';
import { augment, copyPlain, drawsOf } from './augmentation.ts';
import type { Dataset, Draw, Part } from './dataset.ts';
import { fashionPackageVersion, readFashionPackage } from './fashion-package.ts';
import { readImageCache, writeImageCache } from './image-cache.ts';
import type { StoredImages } from './image-cache.ts';
import { cutParts } from './parts.ts';
import type { PartIndex } from './parts.ts';

/** Opens Fashion-MNIST: its bytes stay in memory (55 MB), each read makes floats of those it needs. */
export async function openFashionMnist(config: FashionMnistConfig, cacheFolder = defaultCache()): Promise<Dataset> {
  const images = await cachedImages(cacheFolder);
  const byClass: number[][] = Array.from({ length: config.classes }, () => []);
  for (const [row, label] of images.labels.entries()) byClass[label]!.push(row);
  const parts = cutParts(byClass, config.parts, config.seed, images.sha256);
  const { name, classes, channels, resolution, normalise } = config;
  return {
    name,
    classes,
    channels,
    resolution,
    normalise,
    part: (partName) => memoryPart(partName, parts.get(partName)!, images, config),
  };
}

/** The package's images out of the cache; built when it is missing or damaged. */
async function cachedImages(folder: string): Promise<StoredImages & { sha256: string }> {
  const file = path.join(folder, `fashion-mnist-${await fashionPackageVersion()}.bin`);
  const found = await readImageCache(file);
  if (found !== null) return found;
  const images = await readFashionPackage();
  return { ...images, sha256: await writeImageCache(file, images) };
}

function memoryPart(name: PartName, index: PartIndex, images: StoredImages, config: FashionMnistConfig): Part {
  const pixelCount = images.height * images.width * images.channels;
  // One look-up a pixel: byte → normalised float.
  const floats = Float32Array.from({ length: 256 }, (_, byte) =>
    Math.fround((byte / 255 - config.normalise.mean[0]!) / config.normalise.std[0]!),
  );
  const { shift, flip } = config.augmentation;
  return {
    name,
    size: index.images.length,
    sha256: index.sha256,
    labels: index.labels,
    async read(positions: Int32Array, draw: Draw | null, target: Float32Array): Promise<ReadonlySet<number>> {
      for (const [i, position] of positions.entries()) {
        const from = index.images[position]! * pixelCount;
        const source = images.pixels.subarray(from, from + pixelCount);
        const image = target.subarray(i * pixelCount, (i + 1) * pixelCount);
        if (draw === null) copyPlain(source, floats, image);
        else augment(source, images.width, floats, drawsOf(draw, position, shift, flip), image);
      }
      return new Set();
    },
  };
}

/** `NAS_CACHE`, or `.cache` in the clone. */
function defaultCache(): string {
  return process.env['NAS_CACHE'] || fileURLToPath(new URL('../../.cache', import.meta.url));
}
