import type { Space } from '../space/space.ts';
import { imageShape, matmul, memo, reshape } from './ops.ts';
import { constant, dispose, tensor } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** Images of a batch as a tensor [n, side, side, channels]; the array must not be changed while it lives. */
export function imagesTensor(
  { resolutions, channels }: Pick<Space, 'resolutions' | 'channels'>,
  images: Float32Array,
): Tensor {
  const side = resolutions.at(-1)!;
  return tensor(images, [images.length / (side * side * channels), side, side, channels]);
}

/** Keys' cubic convolution kernel parameter, as PyTorch has it. */
const A = -0.75;

const rowMatrices = new Map<string, Tensor>();
const columnMatrices = new Map<string, Tensor>();

/**
 * Bicubic resize with aligned corners, as PyTorch's `interpolate(mode='bicubic', align_corners=True)`: one matrix
 * product over rows, one over columns. No gradient: images need none.
 * @param images [n, h, w, c] in float32
 * @returns [n, size, size, c]
 */
export function resizeBicubic(images: Tensor, size: number): Tensor {
  const [n, h, w, c] = imageShape(images.shape);
  const rows = memo(rowMatrices, `${h}/${size}`, () => constant(weights(h, size), [size, h]));
  const columns = memo(columnMatrices, `${w}/${size}/${c}`, () => constant(perChannel(w, size, c), [w * c, size * c]));
  const flat = reshape(images, [n, h, w * c]);
  const shorter = matmul(rows, flat); // [n, size, w·c]
  const lines = reshape(shorter, [n * size, w * c]);
  const narrower = matmul(lines, columns); // [n·size, size·c]
  const resized = reshape(narrower, [n, size, size, c]);
  dispose(flat, shorter, lines, narrower);
  return resized;
}

/** [to, from]: the share of each source pixel in each target pixel, along one axis. */
function weights(from: number, to: number): Float32Array {
  const matrix = new Float32Array(to * from);
  const step = to > 1 ? (from - 1) / (to - 1) : 0;
  for (let target = 0; target < to; target++) {
    const place = target * step;
    const left = Math.floor(place);
    for (let tap = -1; tap <= 2; tap++) {
      const source = Math.min(from - 1, Math.max(0, left + tap));
      matrix[target * from + source]! += cubic(Math.abs(place - left - tap));
    }
  }
  return matrix;
}

/** The transposed weights for rows of w · c interleaved channels: [from · c, to · c]. */
function perChannel(from: number, to: number, channels: number): Float32Array {
  const single = weights(from, to);
  const matrix = new Float32Array(from * to * channels * channels);
  for (let source = 0; source < from; source++) {
    for (let target = 0; target < to; target++) {
      for (let channel = 0; channel < channels; channel++) {
        const row = source * channels + channel;
        matrix[row * to * channels + target * channels + channel] = single[target * from + source]!;
      }
    }
  }
  return matrix;
}

function cubic(distance: number): number {
  if (distance <= 1) return ((A + 2) * distance - (A + 3)) * distance * distance + 1;
  if (distance < 2) return ((A * distance - 5 * A) * distance + 8 * A) * distance - 4 * A;
  return 0;
}
