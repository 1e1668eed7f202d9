import { cast, imageShape, integers, leading, margins, matmul, memo, reshape, scale } from './ops.ts';
import { attribute, constant, dispose, isOnGpu, run, runMany } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';

/** Pools and their gradients: a 3×3 maximum of stride 2 and padding 1, and the mean over an image. */

type Attributes = Parameters<typeof run>[1];
const WINDOW = [attribute.int('ksize', [1, 3, 3, 1]), attribute.int('strides', [1, 2, 2, 1])];
const EXPLICIT = [
  ...WINDOW,
  attribute.string('padding', 'EXPLICIT'),
  attribute.int('explicit_paddings', [0, 0, 1, 1, 1, 1, 0, 0]),
];
const VALID = [...WINDOW, attribute.string('padding', 'VALID')];

/**
 * On a CPU, MaxPoolGrad takes two seconds for 16 images of 112×112×64. oneDNN's pair of kernels remembers where each
 * maximum was and takes some milliseconds, but TensorFlow hands it out under its inner name only.
 */
const FAST: Attributes = [...VALID, attribute.string('_kernel', 'MklNameChangeOp')];

/** x [n, h, w, c] → [n, ⌈h/2⌉, ⌈w/2⌉, c], where no gradient will be asked for. */
export function maxPool(x: Tensor): Tensor {
  return run('MaxPool', EXPLICIT, [x]);
}

/** A border of zeros around x [n, h, w, c], as far as the pool reads it: what pools with a gradient take. */
export function bordered(x: Tensor): Tensor {
  const [, height, width] = imageShape(x.shape);
  // Even sizes end with their last pair.
  return run(
    'Pad',
    [],
    [
      x,
      margins([
        [0, 0],
        [1, height % 2],
        [1, width % 2],
        [0, 0],
      ]),
    ],
  );
}

/** The part of a bordered image inside the border; shape: the image's. */
export function unbordered(x: Tensor, shape: readonly number[]): Tensor {
  return leading(x, shape, [0, 1, 1, 0]);
}

/** What the gradient of a pool needs of its forward pass: y, and where the maxima were. */
export type PoolState = readonly Tensor[];

/** x: `bordered` and nowhere negative. */
export function maxPoolForward(x: Tensor): { y: Tensor; places: PoolState } {
  const [y, ...places] = isOnGpu() ? [run('MaxPool', VALID, [x])] : runMany('_MklNativeMaxPool', FAST, [x], 2);
  return { y: y!, places };
}

/** dLoss/dx of `maxPoolForward`; frees nothing. */
export function maxPoolGradient(dy: Tensor, x: Tensor, y: Tensor, places: PoolState): Tensor {
  return isOnGpu() ? run('MaxPoolGrad', VALID, [x, y, dy]) : run('_MklNativeMaxPoolGrad', FAST, [x, y, dy, ...places]);
}

/** Mean over height and width: [n, h, w, c] → [n, c]; `axes` where they stand elsewhere. */
export function meanPool(x: Tensor, axes: readonly [h: number, w: number] = [1, 2]): Tensor {
  return run('Mean', [], [x, integers(axes)]);
}

/** dLoss/dx of `meanPool`, in the type of x: dy [n, c] → the shape [n, h, w, c]. */
export function meanPoolGradient(dy: Tensor, shape: readonly number[], dtype: DType): Tensor {
  const [n, height, width, channels] = imageShape(shape);
  const share = scale(dy, 1 / (height * width));
  const typed = dtype === 'float32' ? share : cast(share, dtype);
  const square = reshape(typed, [n, 1, 1, channels]);
  const dx = run('BroadcastTo', [], [square, integers(shape)]);
  dispose(share, typed, square);
  return dx;
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
