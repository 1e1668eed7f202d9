// One process that normalises as several ranks would: statistics of each part of its batch, then combined.
import { batchNorm, batchNormWith } from '../../nas/supernet/batch-norm.ts';
import type { TrainedNorm } from '../../nas/supernet/batch-norm.ts';
import { add, imageShape, leading, multiply, scalar, scale } from '../../nas/supernet/ops.ts';
import { attribute, run, runMany, scope, tensor } from '../../nas/supernet/tensorflow.ts';
import type { Tensor } from '../../nas/supernet/tensorflow.ts';

const sumOf = (terms: readonly Tensor[]): Tensor => terms.reduce((sum, term) => add(sum, term));

/** @param sizes images of each part */
export function normOfParts(sizes: readonly number[]): TrainedNorm {
  const all = sizes.reduce((sum, size) => sum + size);
  const partsOf = (x: Tensor): Tensor[] =>
    sizes.map((size, at) => {
      const before = sizes.slice(0, at).reduce((sum, one) => sum + one, 0);
      return leading(x, [size, ...x.shape.slice(1)], [before, 0, 0, 0]);
    });
  return {
    forward: (x, gamma, beta, epsilon) => {
      const [y, mean, variance] = scope((): [Tensor, Tensor, Tensor] => {
        const [, h, w, c] = imageShape(x.shape);
        const [ones, zeros] = [1, 0].map((value) => tensor(new Float32Array(c).fill(value), [c]));
        const own = partsOf(x).map((part) => batchNorm(part, ones!, zeros!, epsilon));
        const middle = sumOf(own.map((part, at) => scale(part.mean, sizes[at]! / all)));
        const spread = own.map((part, at) => {
          const count = sizes[at]! * h * w;
          const apart = run('SquaredDifference', [], [part.mean, middle]);
          return scale(add(scale(part.variance, (count - 1) / count), apart), sizes[at]! / all);
        });
        const statistics = { mean: middle, variance: sumOf(spread) };
        return [batchNormWith(x, gamma, beta, statistics, epsilon), middle, statistics.variance];
      });
      return { y, state: [mean, variance] };
    },
    backward: (dy, x, gamma, state, epsilon) =>
      scope(() => {
        const [mean, variance] = [state[0]!, state[1]!];
        const [n, h, w] = imageShape(x.shape);
        const fixed = [attribute.float('epsilon', epsilon), attribute.bool('is_training', false)];
        const none = tensor(new Float32Array(0), [0]);
        const gradient = (dyOf: Tensor, xOf: Tensor): Tensor[] =>
          runMany('FusedBatchNormGradV3', fixed, [dyOf, xOf, gamma, mean, variance, none], 5);
        const xs = partsOf(x);
        const own = partsOf(dy).map((part, at) => gradient(part, xs[at]!));
        const dGamma = sumOf(own.map((part) => part[1]!));
        const dBeta = sumOf(own.map((part) => part[2]!));
        const k = scale(multiply(gamma, run('Rsqrt', [], [add(variance, scalar(epsilon))])), 1 / (n * h * w));
        const statistics = { mean, variance };
        const through = batchNormWith(x, multiply(k, dGamma), multiply(k, dBeta), statistics, epsilon);
        return { dx: run('Sub', [], [gradient(dy, x)[0]!, through]), dGamma, dBeta };
      }),
  };
}
