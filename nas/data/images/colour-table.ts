// Brightness and contrast change every byte alike, so both are one table. To the bit as Pillow blends, in 32-bit floats.
import type { Change } from './changes.ts';

/**
 * What the change makes of each byte value.
 * @param meanGray mean of the image's grey values (0..255) once its brightness is changed by the factor
 */
export function colourTable(
  { brightness, contrast, brightnessFirst }: Pick<Change, 'brightness' | 'contrast' | 'brightnessFirst'>,
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
