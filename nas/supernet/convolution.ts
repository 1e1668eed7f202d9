import { imageShape, integers, leading, margins, memo } from './ops.ts';
import { attribute, dispose, run } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/**
 * Convolutions with PyTorch's padding, kernel // 2 on every side. Images are NHWC, weights HWIO.
 *
 * TensorFlow calls this padding EXPLICIT, and has no fast gradients for it on a CPU (up to five times as slow in float32,
 * a hundred times in bfloat16). Where its own SAME comes to the same, SAME is asked for; where it does not (stride 2 on
 * even sizes), the gradients pad the image themselves and ask for VALID.
 */

type Attributes = Parameters<typeof run>[1];
const attributes = new Map<string, Attributes>();
/** Up to so many channels TensorFlow's gradient for EXPLICIT is the faster one. */
const FEW_CHANNELS = 8;

/** y: [n, ⌈h/stride⌉, ⌈w/stride⌉, out]. */
export function conv2d(x: Tensor, weight: Tensor, stride: number): Tensor {
  const [, height, width] = imageShape(x.shape);
  const kernel = weight.shape[0]!;
  const padding = isSame(height, kernel, stride) && isSame(width, kernel, stride) ? 'SAME' : 'EXPLICIT';
  return run('Conv2D', convolution(padding, kernel, stride), [x, weight]);
}

/** dLoss/dweight of `conv2d`, of the weight's shape. */
export function conv2dWeightGradient(x: Tensor, shape: readonly number[], dy: Tensor, stride: number): Tensor {
  const [, height, width] = imageShape(x.shape);
  const kernel = shape[0]!;
  if (isSame(height, kernel, stride) && isSame(width, kernel, stride)) {
    return run('Conv2DBackpropFilter', convolution('SAME', kernel, stride), [x, integers(shape), dy]);
  }
  const vertical = marginsOf(height, kernel, stride);
  const horizontal = marginsOf(width, kernel, stride);
  const padded = run('Pad', [], [x, margins([[0, 0], vertical, horizontal, [0, 0]])]);
  const gradient = run('Conv2DBackpropFilter', convolution('VALID', kernel, stride), [padded, integers(shape), dy]);
  dispose(padded);
  return gradient;
}

/** dLoss/dx of `conv2d`; shape: x's. */
export function conv2dInputGradient(shape: readonly number[], weight: Tensor, dy: Tensor, stride: number): Tensor {
  const [n, height, width, channels] = imageShape(shape);
  const kernel = weight.shape[0]!;
  const isAlike = isSame(height, kernel, stride) && isSame(width, kernel, stride);
  if (isAlike || (channels <= FEW_CHANNELS && dy.dtype === 'float32')) {
    const padding = isAlike ? 'SAME' : 'EXPLICIT';
    return run('Conv2DBackpropInput', convolution(padding, kernel, stride), [integers(shape), weight, dy]);
  }
  const [top, bottom] = marginsOf(height, kernel, stride);
  const [left, right] = marginsOf(width, kernel, stride);
  const extent = integers([n, top + height + bottom, left + width + right, channels]);
  const padded = run('Conv2DBackpropInput', convolution('VALID', kernel, stride), [extent, weight, dy]);
  const gradient = leading(padded, shape, [0, top, left, 0]);
  dispose(padded);
  return gradient;
}

/** Zeros that a convolution reads before and after an axis of this size. */
function marginsOf(size: number, kernel: number, stride: number): [before: number, after: number] {
  const before = (kernel - 1) / 2;
  return [before, Math.max(0, paddingOf(size, kernel, stride) - before)];
}

/** Whether TensorFlow's SAME, which puts the smaller half before, pads as PyTorch does. */
function isSame(size: number, kernel: number, stride: number): boolean {
  return Math.floor(paddingOf(size, kernel, stride) / 2) === (kernel - 1) / 2;
}

function paddingOf(size: number, kernel: number, stride: number): number {
  const steps = Math.floor((size - 1) / stride);
  return Math.max(0, steps * stride + kernel - size);
}

function convolution(padding: 'SAME' | 'VALID' | 'EXPLICIT', kernel: number, stride: number): Attributes {
  return memo(attributes, `${padding}/${kernel}/${stride}`, () => {
    const half = (kernel - 1) / 2;
    const explicit = attribute.int('explicit_paddings', [0, 0, half, half, half, half, 0, 0]);
    return [
      attribute.int('strides', [1, stride, stride, 1]),
      attribute.string('padding', padding),
      ...(padding === 'EXPLICIT' ? [explicit] : []),
    ];
  });
}
