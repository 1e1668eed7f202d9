import { hasShortcut } from '../space/space.ts';
import type { GroupedBlock } from './block.ts';
import { conv2d, conv2dInputGradient, conv2dWeightGradient } from './convolution.ts';
import {
  filterWeight,
  filterWeightGradient,
  gather,
  gatherGradient,
  spread,
  spreadGradient,
} from './minimal-filtering.ts';
import type { BlockModule, ConvNorm } from './modules.ts';
import type { Supernet } from './network.ts';
import {
  add,
  batchNorm,
  batchNormGradient,
  biasAdd,
  biasGradient,
  cast,
  imageShape,
  matmul,
  multiply,
  relu,
  reluGradient,
  transpose,
} from './ops.ts';
import type { NormState } from './ops.ts';
import { bordered, maxPoolForward, maxPoolGradient, meanPool, meanPoolGradient, unbordered } from './pooling.ts';
import type { PoolState } from './pooling.ts';
import { dispose, isOnGpu } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/**
 * The stem: what its backward pass needs. `owned` are tensors made of the images; y is the stem's output. Before a pool,
 * the activations have its border.
 */
export interface StemRecord {
  readonly unit: UnitRecord;
  readonly activated: Tensor;
  readonly y: Tensor;
  readonly places: PoolState;
  readonly owned: readonly Tensor[];
}

/** images [n, h, w, channels] → record.y [n, h', w', lanes(width)]. */
export function trainedStemForward(net: Supernet, images: Tensor, width: number, owned: readonly Tensor[]): StemRecord {
  const { channels, stem } = net.space;
  const { y: normalised, record } = unitForward(net.modules.stem, images, channels, width, stem.stride, net.epsilon);
  const framed = stem.pool ? bordered(normalised) : normalised;
  const activated = relu(framed);
  dispose(normalised, framed);
  const { y, places } = stem.pool ? maxPoolForward(activated) : { y: activated, places: [] };
  return { unit: record, activated, y, places, owned };
}

/** Adds the stem's gradients into its parameters, frees dy and the record. Images need no gradient. */
export function trainedStemBackward({ unit, activated, y, places, owned }: StemRecord, dy: Tensor): void {
  const isPooled = y !== activated;
  const dActivated = isPooled ? maxPoolGradient(dy, activated, y, places) : dy;
  const dFramed = reluGradient(dActivated, activated);
  const dNormalised = isPooled ? unbordered(dFramed, unit.conv.shape) : dFramed;
  dispose(dy, y, dActivated, activated, ...places);
  unitBackwardLast(unit, dNormalised);
  dispose(dFramed, dNormalised, ...owned);
}

/** Pooling, dropout and the linear layer: what their backward pass needs. */
export interface HeadRecord {
  readonly group: number;
  readonly weight: Tensor;
  readonly features: Tensor;
  readonly mask: Tensor | null;
  readonly x: Tensor;
}

/**
 * x [n, h, w, lanes(width)] → logits [n, classes], in float32 whatever the precision.
 * @param mask dropout: [n, lanes(width)], 0 or 1 / (1 - rate); freed with the record
 */
export function trainedHeadForward(
  net: Supernet,
  x: Tensor,
  width: number,
  group: number,
  mask: Tensor | null,
): { logits: Tensor; record: HeadRecord } {
  const { weight: shared, bias } = net.modules.classifiers[group]!;
  const weight = shared.slab(net.classes, width);
  const full = x.dtype === 'float32' ? x : cast(x, 'float32');
  const pooled = meanPool(full);
  if (full !== x) dispose(full);
  const features = mask ? multiply(pooled, mask) : pooled;
  if (mask) dispose(pooled);
  const product = matmul(features, weight);
  const logits = biasAdd(product, bias.value());
  dispose(product);
  return { logits, record: { group, weight, features, mask, x } };
}

/** Adds the head's gradients into its parameters, frees the record and returns dLoss/dx. dLogits is not freed. */
export function trainedHeadBackward(net: Supernet, record: HeadRecord, dLogits: Tensor): Tensor {
  const { group, weight, features, mask, x } = record;
  const classifier = net.modules.classifiers[group]!;
  classifier.bias.accumulate(biasGradient(dLogits));
  classifier.weight.accumulate(matmul(features, dLogits, true, false));
  const dFeatures = matmul(dLogits, weight, false, true);
  const dPooled = mask ? multiply(dFeatures, mask) : dFeatures;
  const dx = meanPoolGradient(dPooled, x.shape, x.dtype);
  dispose(features, dFeatures, dPooled);
  if (mask) dispose(mask);
  return dx;
}

/** What the backward pass of a residual block needs. The output y is freed with it, the input is not. */
export interface BlockRecord {
  readonly first: UnitRecord;
  readonly inner: Tensor;
  readonly second: UnitRecord;
  readonly shortcut: UnitRecord | null;
  readonly mask: Tensor | null;
  readonly y: Tensor;
}

/**
 * ReLU(branch + shortcut) under batch statistics; x [n, h, w, lanes(in)] → record.y [n, h', w', lanes(out)].
 * @param mask drop connect: [n, 1, 1, 1], 0 where a sample's branch is dropped, 1 / (1 - rate) elsewhere; freed with the
 * record
 */
export function trainedBlockForward(
  module: BlockModule,
  x: Tensor,
  at: GroupedBlock,
  epsilon: number,
  mask: Tensor | null,
): BlockRecord {
  const first = unitForward(module.conv1, x, at.in, at.mid, at.stride, epsilon);
  const inner = relu(first.y);
  const second = unitForward(module.conv2, inner, at.mid, at.out, 1, epsilon);
  const branch = mask ? multiply(second.y, mask) : second.y;
  const shortcut = hasShortcut(at) ? unitForward(module.shortcut, x, at.in, at.out, at.stride, epsilon) : null;
  const sum = add(branch, shortcut?.y ?? x);
  const y = relu(sum);
  dispose(first.y, second.y, branch, sum);
  if (shortcut) dispose(shortcut.y);
  return { first: first.record, inner, second: second.record, shortcut: shortcut?.record ?? null, mask, y };
}

/** Adds the block's gradients into its parameters, frees dy and the record, and returns dLoss/dx. */
export function trainedBlockBackward({ first, inner, second, shortcut, mask, y }: BlockRecord, dy: Tensor): Tensor {
  const dSum = reluGradient(dy, y);
  dispose(dy, y);
  const dBranch = mask ? multiply(dSum, mask) : dSum;
  const dInner = unitBackward(second, dBranch);
  if (mask) dispose(mask, dBranch);
  const dFirst = reluGradient(dInner, inner);
  dispose(dInner, inner);
  const viaBranch = unitBackward(first, dFirst);
  dispose(dFirst);
  const viaShortcut = shortcut ? unitBackward(shortcut, dSum) : dSum;
  const dx = add(viaBranch, viaShortcut);
  dispose(viaBranch, viaShortcut, dSum);
  return dx;
}

/** What the backward pass of a convolution with batch normalisation needs. x and gamma belong to others. */
interface UnitRecord {
  readonly unit: ConvNorm;
  readonly convolution: ConvolutionRecord;
  readonly gamma: Tensor;
  readonly conv: Tensor;
  readonly state: NormState;
  readonly epsilon: number;
}

/** Convolution of x's leading `input` channels, then normalisation by the batch's statistics; y: [n, h', w', lanes(out)]. */
function unitForward(
  unit: ConvNorm,
  x: Tensor,
  input: number,
  out: number,
  stride: number,
  epsilon: number,
): { y: Tensor; record: UnitRecord } {
  const weight = unit.weight.slab(out, input);
  const gamma = unit.gamma.slice(out);
  const { y: conv, record: convolution } = convolutionForward(x, weight, stride);
  const { y, mean, variance, state } = batchNorm(conv, gamma, unit.beta.slice(out), epsilon);
  dispose(mean, variance);
  return { y, record: { unit, convolution, gamma, conv, state, epsilon } };
}

/** Adds the unit's gradients into its parameters, frees its record and returns dLoss/dx. dy is not freed. */
function unitBackward(record: UnitRecord, dy: Tensor): Tensor {
  return backward(record, dy, true)!;
}

/** As `unitBackward` where nobody asks for dLoss/dx: the first layer. */
function unitBackwardLast(record: UnitRecord, dy: Tensor): void {
  backward(record, dy, false);
}

function backward(
  { unit, convolution, gamma, conv, state, epsilon }: UnitRecord,
  dy: Tensor,
  wantsInput: boolean,
): Tensor | null {
  const { dx: dConv, dGamma, dBeta } = batchNormGradient(dy, conv, gamma, state, epsilon);
  dispose(conv, ...state);
  unit.gamma.accumulate(dGamma);
  unit.beta.accumulate(dBeta);
  const { dWeight, dx } = convolutionBackward(convolution, dConv, wantsInput);
  unit.weight.accumulate(dWeight);
  dispose(dConv);
  return dx;
}

/** What the backward pass of a convolution needs; x and weight belong to others. */
interface ConvolutionRecord {
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
