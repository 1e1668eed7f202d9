import type { ConvNorm } from './modules.ts';
import { batchNorm, batchNormGradient } from './ops.ts';
import type { NormState } from './ops.ts';
import { dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';
import { convolutionBackward, convolutionForward } from './trained-convolution.ts';
import type { ConvolutionRecord } from './trained-convolution.ts';

/** What the backward pass of a convolution with batch normalisation needs. x and gamma belong to others. */
export interface UnitRecord {
  readonly unit: ConvNorm;
  readonly convolution: ConvolutionRecord;
  readonly gamma: Tensor;
  readonly conv: Tensor;
  readonly state: NormState;
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
  const { y: conv, record: convolution } = convolutionForward(x, weight, stride);
  const { y, mean, variance, state } = batchNorm(conv, gamma, unit.beta.slice(out), epsilon);
  dispose(mean, variance);
  return { y, record: { unit, convolution, gamma, conv, state, epsilon } };
}

/** Adds the unit's gradients into its parameters, frees its record and returns dLoss/dx. dy is not freed. */
export function unitBackward(record: UnitRecord, dy: Tensor): Tensor {
  return backward(record, dy, true)!;
}

/** As `unitBackward` where nobody asks for dLoss/dx: the first layer. */
export function unitBackwardLast(record: UnitRecord, dy: Tensor): void {
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
