import type { Supernet } from './network.ts';
import { biasAdd, biasGradient, cast, matmul, multiply, relu, reluGradient } from './ops.ts';
import { bordered, maxPoolForward, maxPoolGradient, meanPool, meanPoolGradient, unbordered } from './pooling.ts';
import type { PoolState } from './pooling.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';
import { unitBackwardLast, unitForward } from './trained-unit.ts';
import type { UnitRecord } from './trained-unit.ts';

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
