import type { TrainingTransforms } from '../../../configs/dataset-schema.ts';
import type { Random } from '../../space/random.ts';

// How an image is augmented in training: torchvision's ColorJitter, RandomRotation, RandomResizedCrop and RandomHorizontalFlip.

/** In pixels of the image. */
interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** How one image is augmented, in this order. */
export interface Augmentation {
  /** Factors, 1 for none, and which comes first. */
  readonly brightness: number;
  readonly contrast: number;
  readonly brightnessFirst: boolean;
  /** Degrees, counter-clockwise about the middle; what comes from outside is black. */
  readonly angle: number;
  /** What is cut out and resized. */
  readonly crop: Box;
  readonly flip: boolean;
}

const CROP_TRIES = 10;

/** Draws one for an image of `width` × `height` pixels, as torchvision's transforms do. */
export function drawAugmentation(
  random: Random,
  transforms: TrainingTransforms,
  width: number,
  height: number,
): Augmentation {
  const { color_jitter: jitter, rotation_degrees: degrees, horizontal_flip: flip } = transforms;
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const factor = (spread: number): number => between(Math.max(0, 1 - spread), 1 + spread);
  return {
    brightnessFirst: random.uniform() < 0.5,
    brightness: factor(jitter.brightness),
    contrast: factor(jitter.contrast),
    angle: between(-degrees, degrees),
    crop: drawCrop(random, transforms.random_resized_crop, width, height),
    flip: random.uniform() < flip,
  };
}

/** A box of a share of the area and an aspect ratio in their ranges; after ten that do not fit, the largest in the middle. */
function drawCrop(
  random: Random,
  { scale, ratio }: TrainingTransforms['random_resized_crop'],
  width: number,
  height: number,
): Box {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const [narrow, wide] = ratio;
  for (let attempt = 0; attempt < CROP_TRIES; attempt++) {
    const area = width * height * between(...scale);
    const aspect = Math.exp(between(Math.log(narrow), Math.log(wide)));
    const box = { width: Math.round(Math.sqrt(area * aspect)), height: Math.round(Math.sqrt(area / aspect)) };
    if (box.width < 1 || box.height < 1 || box.width > width || box.height > height) continue;
    return { left: random.integer(width - box.width + 1), top: random.integer(height - box.height + 1), ...box };
  }
  const box = {
    width: Math.max(1, Math.min(width, Math.round(height * wide))),
    height: Math.max(1, Math.min(height, Math.round(width / narrow))),
  };
  return { left: (width - box.width) >> 1, top: (height - box.height) >> 1, ...box };
}

/**
 * What brightness and contrast make of each byte value: to the bit as Pillow blends, in 32-bit floats.
 * @param meanGray mean of the image's grey values (0..255) once its brightness is changed by the factor
 */
export function colourTable(
  { brightness, contrast, brightnessFirst }: Pick<Augmentation, 'brightness' | 'contrast' | 'brightnessFirst'>,
  meanGray: (brightness: number) => number,
): Uint8Array {
  const gray = Math.trunc(meanGray(brightnessFirst ? brightness : 1) + 0.5);
  const brighten = (value: number): number => blended(0, value, brightness);
  const sharpen = (value: number): number => blended(gray, value, contrast);
  return Uint8Array.from({ length: 256 }, (_, value) =>
    brightnessFirst ? sharpen(brighten(value)) : brighten(sharpen(value)),
  );
}

/** `value` as far from `origin` as the factor says, cut to a byte. */
function blended(origin: number, value: number, factor: number): number {
  const moved = Math.fround(origin + Math.fround(Math.fround(factor) * (value - origin)));
  return Math.trunc(Math.min(Math.max(moved, 0), 255));
}
