import { readFile } from 'node:fs/promises';
import type { ImageListConfig } from '../../../configs/dataset-schema.ts';
import { decodeImage } from './decode.ts';
import { Transformer } from './transformer.ts';

/** What of a data set decides how its test images are read. */
type TestImage = Pick<ImageListConfig, 'resolution' | 'normalise'> & {
  readonly transforms: Pick<ImageListConfig['transforms'], 'evaluation'>;
};

/**
 * One image file as the data set's test images are: decoded, resized, its middle cut out, normalised.
 * @returns float32 [resolution, resolution, 3]
 * @throws ImageError for a file that holds no JPEG or PNG, and the file system's errors
 */
export async function testImage(file: string, { resolution, normalise, transforms }: TestImage): Promise<Float32Array> {
  const image = new Float32Array(resolution * resolution * 3);
  const pixels = await decodeImage(await readFile(file));
  new Transformer(resolution, normalise).test(pixels, transforms.evaluation.resize, image);
  return image;
}
