import { conv2d, conv2dInputGradient, conv2dWeightGradient } from './convolution.ts';
import {
  filterWeight,
  filterWeightGradient,
  gather,
  gatherGradient,
  spread,
  spreadGradient,
} from './minimal-filtering.ts';
import { imageShape, matmul, transpose } from './ops.ts';
import { dispose, isOnGpu } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** What the backward pass of a convolution needs; x and weight belong to others. */
export interface ConvolutionRecord {
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly stride: number;
  /** Where it is filtered: x and the weight at the points. */
  readonly points: { readonly x: Tensor; readonly weight: Tensor } | null;
}

/** As in evaluation, measured for forward and backward together: narrower and larger maps do not repay the way to the points. */
const NARROW = 64;
const LARGEST = 28;
/** Rows of the products below which reading the weight, 36 values of each nine, takes longer than multiplying. */
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

/** Whether fewer products pay. In bfloat16 plain convolutions are as fast, and keep more digits; a GPU's library chooses by itself. */
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
