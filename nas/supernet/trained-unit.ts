import { conv2d, conv2dInputGradient, conv2dWeightGradient } from './convolution.ts';
import type { ConvNorm } from './modules.ts';
import { batchNorm, batchNormGradient } from './ops.ts';
import type { NormState } from './ops.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** What the backward pass of a convolution with batch normalisation needs. x, weight and gamma belong to others. */
export interface UnitRecord {
  readonly unit: ConvNorm;
  readonly x: Tensor;
  readonly weight: Tensor;
  readonly gamma: Tensor;
  readonly conv: Tensor;
  readonly state: NormState;
  readonly stride: number;
  readonly epsilon: number;
}

/** Convolution of x's leading `input` channels, then normalisation by the batch's statistics; y: [n, h', w', lanes(out)]. */
export function unitForward(
  unit: ConvNorm,
  x: Tensor,
  input: number,
  out: number,
  stride: number,
  epsilon: number,
): { y: Tensor; record: UnitRecord } {
  const weight = unit.weight.slab(out, input);
  const gamma = unit.gamma.slice(out);
  const conv = conv2d(x, weight, stride);
  const { y, mean, variance, state } = batchNorm(conv, gamma, unit.beta.slice(out), epsilon);
  dispose(mean, variance);
  return { y, record: { unit, x, weight, gamma, conv, state, stride, epsilon } };
}

/** Adds the unit's gradients into its parameters, frees its record and returns dLoss/dx. dy is not freed. */
export function unitBackward(record: UnitRecord, dy: Tensor): Tensor {
  const { x, weight, stride } = record;
  const dConv = unitGradients(record, dy);
  const dx = conv2dInputGradient(x.shape, weight, dConv, stride);
  dispose(dConv);
  return dx;
}

/** As `unitBackward` where nobody asks for dLoss/dx: the first layer. */
export function unitBackwardLast(record: UnitRecord, dy: Tensor): void {
  dispose(unitGradients(record, dy));
}

function unitGradients(record: UnitRecord, dy: Tensor): Tensor {
  const { unit, x, weight, gamma, conv, state, stride, epsilon } = record;
  const { dx: dConv, dGamma, dBeta } = batchNormGradient(dy, conv, gamma, state, epsilon);
  dispose(conv, ...state);
  unit.gamma.accumulate(dGamma);
  unit.beta.accumulate(dBeta);
  unit.weight.accumulate(conv2dWeightGradient(x, weight.shape, dConv, stride));
  return dConv;
}
