import type { DType } from './tensorflow.ts';

/**
 * Channels that activations of `width` channels are computed with: the next multiple of four, of sixteen in bfloat16 or
 * past 32. oneDNN's batch normalisation takes up to ten times as long on other widths (8×8×104 for 64 images: 0.78 ms in
 * float32 and 2.01 in bfloat16, 8×8×112: 0.22 and 0.12), and its convolutions fill vectors of sixteen anyway.
 * The channels behind `width` hold zeros, and so do their gradients: their weights, scales and shifts are zero.
 */
export function lanes(width: number, dtype: DType): number {
  const grain = dtype === 'bfloat16' || width > 32 ? 16 : 4;
  return Math.ceil(width / grain) * grain;
}
