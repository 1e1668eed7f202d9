import { lacksKernels } from './bfloat16.ts';
import { memo, relu } from './ops.ts';
import { attribute, constant, dispose, isOnGpu, runMany } from './tensorflow.ts';
import type { Attributes, Tensor } from './tensorflow.ts';

// Batch normalisation of x [n, h, w, c], with gamma and beta [c] in float32 whatever x's precision.

const NONE = constant(new Float32Array(0), [0]);
const normalisations = new Map<number, Attributes>();
/** oneDNN's normalisation with a ReLU behind it: TensorFlow offers it under its internal name only. */
const RECTIFIED = '_MklNativeFusedBatchNormEx';
const rectifiedNormalisations = new Map<number, Attributes>();

/** What the gradient of a batch normalisation needs of its forward pass. */
export type NormState = readonly Tensor[];

/** Normalises by the batch's own statistics; then a ReLU where it is `rectified`. x: [n, h, w, c]; gamma, beta: [c]. */
export function batchNorm(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  epsilon: number,
  rectified = false,
): { y: Tensor; mean: Tensor; variance: Tensor; state: NormState } {
  const inputs = [x, gamma, beta, NONE, NONE];
  const [y, average, variance, ...state] = normalised(inputs, epsilon, true, rectified);
  // `variance` is the unbiased one (n - 1), as PyTorch's running_var; the gradient uses the biased one in `state`.
  return { y: y!, mean: average!, variance: variance!, state };
}

/** Normalises by given statistics, [c] each; then a ReLU where it is `rectified`. */
export function batchNormWith(
  x: Tensor,
  gamma: Tensor,
  beta: Tensor,
  statistics: { readonly mean: Tensor; readonly variance: Tensor },
  epsilon: number,
  rectified = false,
): Tensor {
  const inputs = [x, gamma, beta, statistics.mean, statistics.variance];
  const [y, ...rest] = normalised(inputs, epsilon, false, rectified);
  dispose(...rest);
  return y!;
}

/** Gradients of `batchNorm`; x is its input. */
export function batchNormGradient(
  dy: Tensor,
  x: Tensor,
  gamma: Tensor,
  state: NormState,
  epsilon: number,
): { dx: Tensor; dGamma: Tensor; dBeta: Tensor } {
  const [dx, dGamma, dBeta, ...rest] = runMany(
    'FusedBatchNormGradV3',
    normalisation(epsilon, true),
    [dy, x, gamma, ...state],
    5,
  );
  dispose(...rest);
  return { dx: dx!, dGamma: dGamma!, dBeta: dBeta! };
}

/** How a network in training normalises: by the statistics of its own batch, or of all ranks' batches. */
export interface TrainedNorm {
  /** x [n, h, w, c], gamma, beta [c] → y; `state` is what the gradient needs. */
  forward(x: Tensor, gamma: Tensor, beta: Tensor, epsilon: number): { y: Tensor; state: NormState };
  /** Gradients of `forward`; dGamma and dBeta are those of this process's images. */
  backward(
    dy: Tensor,
    x: Tensor,
    gamma: Tensor,
    state: NormState,
    epsilon: number,
  ): { dx: Tensor; dGamma: Tensor; dBeta: Tensor };
}

/** By the statistics of the batch at hand. */
export const ownNorm: TrainedNorm = {
  forward: (x, gamma, beta, epsilon) => {
    const { y, mean, variance, state } = batchNorm(x, gamma, beta, epsilon);
    dispose(mean, variance);
    return { y, state };
  },
  backward: batchNormGradient,
};

function normalisation(epsilon: number, training: boolean): Attributes {
  return memo(normalisations, training ? epsilon : -epsilon, () => [
    attribute.float('epsilon', epsilon),
    attribute.bool('is_training', training),
  ]);
}

function rectifiedNormalisation(epsilon: number, training: boolean): Attributes {
  return memo(rectifiedNormalisations, training ? epsilon : -epsilon, () => [
    ...normalisation(epsilon, training),
    attribute.string('activation_mode', 'Relu'),
    attribute.int('num_side_inputs', 0),
    attribute.string('_kernel', 'MklNameChangeOp'),
  ]);
}

/** A normalisation's six outputs; where oneDNN can, its ReLU is part of the same operation. */
function normalised(inputs: readonly Tensor[], epsilon: number, training: boolean, rectified: boolean): Tensor[] {
  const isOneOperation = rectified && !isOnGpu() && !lacksKernels(inputs[0]!.dtype);
  if (isOneOperation) return runMany(RECTIFIED, rectifiedNormalisation(epsilon, training), inputs, 6);
  const [y, ...rest] = runMany('FusedBatchNormV3', normalisation(epsilon, training), inputs, 6);
  if (!rectified) return [y!, ...rest];
  const activated = relu(y!);
  dispose(y!);
  return [activated, ...rest];
}
