import type { ConvNorm } from './modules.ts';
import { batchNorm, batchNormGradient, conv2d, conv2dInputGradient, conv2dWeightGradient } from './ops.ts';
import type { NormState } from './ops.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** What the backward pass of a convolution with batch normalisation needs. x belongs to whoever made it. */
export interface UnitRecord {
  readonly unit: ConvNorm;
  readonly x: Tensor;
  readonly conv: Tensor;
  readonly state: NormState;
  readonly stride: number;
  readonly epsilon: number;
}

/** Convolution, then normalisation by the batch's statistics; y: [n, h', w', out]. */
export function unitForward(
  unit: ConvNorm,
  x: Tensor,
  out: number,
  stride: number,
  epsilon: number,
): { y: Tensor; record: UnitRecord } {
  const conv = conv2d(x, unit.weight.slice(out, x.shape[3]), stride);
  const { y, mean, variance, state } = batchNorm(conv, unit.gamma.slice(out), unit.beta.slice(out), epsilon);
  dispose(mean, variance);
  return { y, record: { unit, x, conv, state, stride, epsilon } };
}

/** Adds the unit's gradients into its parameters, frees its record and returns dLoss/dx. dy is not freed. */
export function unitBackward(record: UnitRecord, dy: Tensor): Tensor {
  const { unit, x, stride } = record;
  const dConv = unitGradients(record, dy);
  const dx = conv2dInputGradient(x.shape, unit.weight.slice(dConv.shape[3]!, x.shape[3]), dConv, stride);
  dispose(dConv);
  return dx;
}

/** As `unitBackward` where nobody asks for dLoss/dx: the first layer. */
export function unitBackwardLast(record: UnitRecord, dy: Tensor): void {
  dispose(unitGradients(record, dy));
}

function unitGradients({ unit, x, conv, state, stride, epsilon }: UnitRecord, dy: Tensor): Tensor {
  const out = conv.shape[3]!;
  const { dx: dConv, dGamma, dBeta } = batchNormGradient(dy, conv, unit.gamma.slice(out), state, epsilon);
  dispose(conv, ...state);
  unit.gamma.accumulate(dGamma);
  unit.beta.accumulate(dBeta);
  const shape = unit.weight.slice(out, x.shape[3]).shape;
  unit.weight.accumulate(conv2dWeightGradient(x, shape, dConv, stride));
  return dConv;
}
