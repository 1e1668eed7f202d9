import { withKernels } from './bfloat16.ts';
import {
  filterWeight,
  filterWeightGradient,
  gather,
  gatherGradient,
  spread,
  spreadGradient,
} from './minimal-filtering.ts';
import { imageShape, integers, leading, margins, matmul, memo, transpose } from './ops.ts';
import { attribute, dispose, isOnGpu, run } from './tensorflow.ts';
import type { Attributes, Tensor } from './tensorflow.ts';

/**
 * Convolutions with PyTorch's padding, kernel // 2 on every side. Images are NHWC, weights HWIO.
 *
 * TensorFlow calls this padding EXPLICIT, and has no fast gradients for it on a CPU (up to five times as slow in float32,
 * a hundred times in bfloat16). Where its own SAME pads alike, SAME is used; where it does not (stride 2 on even sizes),
 * the gradients pad the image themselves and use VALID.
 */

const attributes = new Map<string, Attributes>();
/** Up to this many channels TensorFlow's own gradient for EXPLICIT is faster. */
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
  return withKernels([x, dy], ([image, gradient]) => [weightGradient(image!, shape, gradient!, stride)])[0]!;
}

function weightGradient(x: Tensor, shape: readonly number[], dy: Tensor, stride: number): Tensor {
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
  return withKernels([weight, dy], ([kernel, gradient]) => [inputGradient(shape, kernel!, gradient!, stride)])[0]!;
}

function inputGradient(shape: readonly number[], weight: Tensor, dy: Tensor, stride: number): Tensor {
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

/** What the backward pass of a convolution needs; x and weight belong to others. */
interface ConvolutionRecord {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly stride: number;
  /** Of a filtered convolution: x and the weight, transformed to the points. */
  readonly points: { readonly x: Tensor; readonly weight: Tensor } | null;
}

/** Measured for forward and backward together: on narrower or larger maps the transforms cost more than filtering saves. */
const NARROW = 64;
const LARGEST = 28;
/** With fewer rows than this, reading the weight (36 values instead of nine) takes longer than multiplying. */
const FEW_ROWS = 64;

/** x [n, h, w, in], weight [k, k, in, out] → y [n, h', w', out]. */
export function convolutionForward(
  x: Tensor,
  weight: Tensor,
  stride: number,
): { y: Tensor; record: ConvolutionRecord } {
  if (!isFiltered(x, weight, stride)) {
    return { y: conv2d(x, weight, stride), record: { x, weight, stride, points: null } };
  }
  const [n, size] = imageShape(x.shape);
  const maps = toMaps(x);
  const points = { x: spread(maps), weight: filterWeight(weight, size) };
  const products = matmul(points.x, points.weight);
  const filtered = gather(products, size, n);
  const y = toImages(filtered);
  dispose(maps, products, filtered);
  return { y, record: { x, weight, stride, points } };
}

/** Frees the record. dy is not freed. @param wantsInput whether dLoss/dx is asked for */
export function convolutionBackward(
  { x, weight, stride, points }: ConvolutionRecord,
  dy: Tensor,
  wantsInput: boolean,
): { dWeight: Tensor; dx: Tensor | null } {
  if (!points) {
    const dx = wantsInput ? conv2dInputGradient(x.shape, weight, dy, stride) : null;
    return { dWeight: conv2dWeightGradient(x, weight.shape, dy, stride), dx };
  }
  const [n, size] = imageShape(x.shape);
  const maps = toMaps(dy);
  const dProducts = gatherGradient(maps);
  const dPoints = matmul(points.x, dProducts, true, false);
  const dWeight = filterWeightGradient(dPoints, size);
  dispose(maps, dPoints, points.x);
  let dx: Tensor | null = null;
  if (wantsInput) {
    const dSpread = matmul(dProducts, points.weight, false, true);
    const dMaps = spreadGradient(dSpread, size, n);
    dx = toImages(dMaps);
    dispose(dSpread, dMaps);
  }
  dispose(dProducts, points.weight);
  return { dWeight, dx };
}

/** Whether minimal filtering is faster. In bfloat16 plain convolutions are as fast, and keep more digits; on a GPU cuDNN chooses. */
function isFiltered(x: Tensor, weight: Tensor, stride: number): boolean {
  const [n, height, width] = imageShape(x.shape);
  const [kernel, , input, out] = imageShape(weight.shape);
  if (x.dtype !== 'float32' || kernel !== 3 || stride !== 1 || height !== width || isOnGpu()) return false;
  const rows = n * Math.ceil(height / 4) ** 2;
  return height > 1 && height <= LARGEST && Math.min(input, out) > NARROW && rows >= FEW_ROWS;
}

function toMaps(images: Tensor): Tensor {
  return transpose(images, [1, 2, 0, 3]);
}

function toImages(maps: Tensor): Tensor {
  return transpose(maps, [2, 0, 1, 3]);
}
