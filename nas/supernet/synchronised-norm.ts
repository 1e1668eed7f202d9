import { batchNorm, batchNormWith } from './batch-norm.ts';
import type { TrainedNorm } from './batch-norm.ts';
import {
  add,
  concat,
  imageShape,
  leading,
  margins,
  memo,
  multiply,
  reshape,
  scalar,
  scale,
  split,
  sumOver,
} from './ops.ts';
import { attribute, constant, dispose, run, runMany, scope } from './tensorflow.ts';
import type { Attributes, Tensor } from './tensorflow.ts';

// Batch normalisation over the images of all ranks, as PyTorch's SyncBatchNorm. Statistics are combined in the centred form (Chan,
// Golub, LeVeque 1979): sums of squares would lose the digits of a variance that is small beside the mean.

const NONE = constant(new Float32Array(0), [0]);
const gradients = new Map<number, Attributes>();
const ones = new Map<number, Tensor>();
const zeros = new Map<number, Tensor>();
const shares = new Map<string, Tensor>();

/** Of this process and those that compute along. */
interface Summing {
  readonly rank: number;
  readonly size: number;
  /** Over all ranks. */
  readonly sum: (x: Tensor) => Tensor;
}

/** @param images in this step, of each rank; none of them 0 */
export function synchronisedNorm({ rank, size, sum }: Summing, images: readonly number[]): TrainedNorm {
  const all = images.reduce((before, count) => before + count, 0);
  /** Where this rank's row is among those of all. */
  const place = margins([
    [rank, size - 1 - rank],
    [0, 0],
  ]);
  // [ranks, 1]
  const share = memo(shares, images.join(), () =>
    constant(
      Float32Array.from(images, (count) => count / all),
      [size, 1],
    ),
  );

  /** Mean and biased variance [c] of x over all ranks. */
  function statistics(x: Tensor, epsilon: number): { mean: Tensor; variance: Tensor } {
    const [n, h, w, c] = imageShape(x.shape);
    const own = batchNorm(x, filled(ones, c, 1), filled(zeros, c, 0), epsilon);
    dispose(own.y);
    const count = n * h * w;
    const row = reshape(concat([own.mean, scale(own.variance, (count - 1) / count)]), [1, 2 * c]);
    const rows = sum(run('Pad', [], [row, place])); // [ranks, 2c]
    const means = leading(rows, [size, c]);
    const variances = leading(rows, [size, c], [0, c]);
    const mean = sumOver(multiply(means, share), [0]); // [c]
    const apart = run('SquaredDifference', [], [means, mean]); // [ranks, c]
    return { mean, variance: sumOver(multiply(add(variances, apart), share), [0]) };
  }

  return {
    forward: (x, gamma, beta, epsilon) => {
      const [y, mean, variance] = scope((): [Tensor, Tensor, Tensor] => {
        const found = statistics(x, epsilon);
        return [batchNormWith(x, gamma, beta, found, epsilon), found.mean, found.variance];
      });
      return { y, state: [mean, variance] };
    },
    backward: (dy, x, gamma, state, epsilon) =>
      scope(() => {
        const [mean, variance] = [state[0]!, state[1]!];
        const [, h, w] = imageShape(x.shape);
        // As if the statistics were constants: dx is dy · gamma / deviation, the others are this rank's parts of two sums [c].
        const attributes = memo(gradients, epsilon, () => [
          attribute.float('epsilon', epsilon),
          attribute.bool('is_training', false),
        ]);
        const inputs = [dy, x, gamma, mean, variance, NONE];
        const [direct, dGamma, dBeta] = runMany('FusedBatchNormGradV3', attributes, inputs, 5);
        const [sumGamma, sumBeta] = split(sum(concat([dGamma!, dBeta!])), 2);
        // What flows through the statistics: gamma / deviation / count · (sumBeta + x̂ · sumGamma), x̂ being x normalised.
        const deviation = run('Rsqrt', [], [add(variance, scalar(epsilon))]); // [c], the inverse of it
        const count = all * h * w;
        const k = scale(multiply(gamma, deviation), 1 / count);
        const through = batchNormWith(x, multiply(k, sumGamma!), multiply(k, sumBeta!), { mean, variance }, epsilon);
        return { dx: run('Sub', [], [direct!, through]), dGamma: dGamma!, dBeta: dBeta! };
      }),
  };
}

function filled(known: Map<number, Tensor>, size: number, value: number): Tensor {
  return memo(known, size, () => constant(new Float32Array(size).fill(value), [size]));
}
