import { withKernels } from './bfloat16.ts';
import { cast, imageShape, integers, leading, margins, reshape, scale } from './ops.ts';
import { attribute, dispose, isOnGpu, run, runMany } from './tensorflow.ts';
import type { Attributes, DType, Tensor } from './tensorflow.ts';

/** Pools and their gradients: a 3×3 maximum of stride 2 and padding 1, and the mean over an image. */

const WINDOW = [attribute.int('ksize', [1, 3, 3, 1]), attribute.int('strides', [1, 2, 2, 1])];
const EXPLICIT = [
  ...WINDOW,
  attribute.string('padding', 'EXPLICIT'),
  attribute.int('explicit_paddings', [0, 0, 1, 1, 1, 1, 0, 0]),
];
const VALID = [...WINDOW, attribute.string('padding', 'VALID')];

/**
 * On a CPU, MaxPoolGrad takes two seconds for 16 images of 112×112×64. oneDNN's pair of kernels remembers where each
 * maximum was and takes some milliseconds, but TensorFlow offers it under its internal name only.
 */
const FAST: Attributes = [...VALID, attribute.string('_kernel', 'MklNameChangeOp')];

/** x [n, h, w, c] → [n, ⌈h/2⌉, ⌈w/2⌉, c], where no gradient will be asked for. */
export function maxPool(x: Tensor): Tensor {
  return run('MaxPool', EXPLICIT, [x]);
}

/** A border of zeros around x [n, h, w, c], as far as the pool reads it: the input of `maxPoolForward`. */
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
  const [y, ...places] = isOnGpu()
    ? [run('MaxPool', VALID, [x])]
    : withKernels([x], (inputs) => runMany('_MklNativeMaxPool', FAST, inputs, 2));
  return { y: y!, places };
}

/** dLoss/dx of `maxPoolForward`; frees nothing. */
export function maxPoolGradient(dy: Tensor, x: Tensor, y: Tensor, places: PoolState): Tensor {
  if (isOnGpu()) return run('MaxPoolGrad', VALID, [x, y, dy]);
  const [dx] = withKernels([x, y, dy, ...places], (inputs) => [run('_MklNativeMaxPoolGrad', FAST, inputs)]);
  return dx!;
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
