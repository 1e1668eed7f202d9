import sharp from 'sharp';
import { DatasetError } from './dataset.ts';
import type { PictureTransform } from './picture-transform.ts';

/**
 * Reads a picture file (JPEG, PNG, WebP and what else libvips knows) as a data set's test images are read. What is
 * transparent counts as black.
 * @returns [crop, crop, channels], normalised
 * @throws DatasetError for a file that is no picture
 */
export async function readPicture(file: string, transform: PictureTransform): Promise<Float32Array> {
  const { channels, resize, crop, mean, std } = transform;
  const pixels = await squareOf(file, transform).catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`${file}: expected a picture, got ${got}`, { cause });
  });
  if (pixels.length !== crop * crop * channels || resize < crop) {
    throw new DatasetError(
      `${file}: expected ${crop}×${crop} pixels of ${channels} channels, got ${pixels.length} values`,
    );
  }
  return Float32Array.from(pixels, (value, at) => (value / 255 - mean[at % channels]!) / std[at % channels]!);
}

/** The bytes of the square in the middle, [crop, crop, channels]. */
async function squareOf(file: string, { channels, resize, crop }: PictureTransform): Promise<Uint8Array> {
  const upright = sharp(file).autoOrient().flatten({ background: 'black' });
  const { data, info } = await upright
    .resize({ width: resize, height: resize, fit: 'outside', kernel: 'linear' })
    .greyscale(channels === 1)
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const row = info.width * info.channels;
  const left = Math.round((info.width - crop) / 2) * info.channels;
  const top = Math.round((info.height - crop) / 2);
  const square = new Uint8Array(crop * crop * info.channels);
  for (let y = 0; y < crop; y++) {
    const from = (top + y) * row + left;
    square.set(data.subarray(from, from + crop * info.channels), y * crop * info.channels);
  }
  return square;
}
