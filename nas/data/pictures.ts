import { BadInput } from '../../plan/endings.ts';
import type { ImageListConfig, PictureTransform } from '../../configs/dataset-schema.ts';
import { ImageError, readImage } from './images/decode.ts';
import { Transformer } from './images/transformer.ts';

/**
 * Reads a picture file as a data set's test images are read; of colours, a network for grey images sees the brightness.
 * @returns [crop, crop, channels], normalised
 * @throws BadInput for a file that is no picture; FileFault where it could not be read
 */
export async function readPicture(file: string, transform: PictureTransform): Promise<Float32Array> {
  const { channels, resize, crop, mean, std } = transform;
  const isGrey = channels === 1;
  const normalise = isGrey ? { mean: [0, 0, 0], std: [1, 1, 1] } : { mean: [...mean], std: [...std] };
  const sizes = { resolution: crop, transforms: { evaluation: { resize, crop } } };
  const colours = await testImage(file, { ...sizes, normalise }).catch((cause: unknown) => {
    if (!(cause instanceof ImageError)) throw cause;
    throw new BadInput(`${file}: expected a picture that can be decoded, got: ${cause.message}; give a JPEG or PNG`, {
      cause,
    });
  });
  if (!isGrey) return colours;
  return Float32Array.from({ length: crop * crop }, (_, pixel) => {
    const [red = 0, green = 0, blue = 0] = colours.subarray(3 * pixel, 3 * pixel + 3);
    // ITU-R 601-2, as Pillow's conversion to grey.
    return (0.299 * red + 0.587 * green + 0.114 * blue - mean[0]!) / std[0]!;
  });
}

/** What of a data set decides how its test images are read. */
type TestImage = Pick<ImageListConfig, 'resolution' | 'normalise'> & {
  readonly transforms: Pick<ImageListConfig['transforms'], 'evaluation'>;
};

/**
 * One image file as the data set's test images are: decoded, resized, its middle cut out, normalised.
 * @returns float32 [resolution, resolution, 3]
 * @throws ImageError for bytes that are no image; FileFault where the file could not be read
 */
export async function testImage(file: string, { resolution, normalise, transforms }: TestImage): Promise<Float32Array> {
  const image = new Float32Array(resolution * resolution * 3);
  const pixels = await readImage(file);
  new Transformer(resolution, normalise).test(pixels, transforms.evaluation.resize, image);
  return image;
}
