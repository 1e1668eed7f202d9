import { DatasetError } from './dataset-error.ts';
import { testImage } from './images/test-image.ts';
import type { PictureTransform } from './picture-transform.ts';

/**
 * Reads a picture file as a data set's test images are read; of colours, a network for grey images sees the brightness.
 * @returns [crop, crop, channels], normalised
 * @throws DatasetError for a file that is no picture
 */
export async function readPicture(file: string, transform: PictureTransform): Promise<Float32Array> {
  const { channels, resize, crop, mean, std } = transform;
  const isGrey = channels === 1;
  const normalise = isGrey ? { mean: [0, 0, 0], std: [1, 1, 1] } : { mean: [...mean], std: [...std] };
  const sizes = { resolution: crop, transforms: { evaluation: { resize, crop } } };
  const colours = await testImage(file, { ...sizes, normalise }).catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`${file}: expected a picture, got ${got}; give a JPEG or PNG`, { cause });
  });
  if (!isGrey) return colours;
  return Float32Array.from({ length: crop * crop }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = colours.subarray(3 * pixel, 3 * pixel + 3);
    // ITU-R 601-2, as Pillow's conversion to grey.
    return (0.299 * red + 0.587 * green + 0.114 * blue - mean[0]!) / std[0]!;
  });
}
