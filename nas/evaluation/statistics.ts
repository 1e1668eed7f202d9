import { addN, batchNorm, batchNormWith, scale } from '../supernet/ops.ts';
import { dispose, keep } from '../supernet/tensorflow.ts';
import type { Tensor } from '../supernet/tensorflow.ts';

/** The scale and shift of a batch normalisation, [channels] each. */
export interface Affine {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/** BN statistics of one place in one path: gathered batch by batch, then averaged once and used. */
export class Statistics {
  #means: Tensor[] = [];
  #variances: Tensor[] = [];

  /** Normalises x [n, h, w, channels] by its own statistics, and notes them. */
  gather(x: Tensor, { gamma, beta }: Affine, epsilon: number): Tensor {
    const { y, mean, variance, state } = batchNorm(x, gamma, beta, epsilon);
    dispose(...state);
    this.#means.push(keep(mean));
    this.#variances.push(keep(variance));
    return y;
  }

  /** Averages what was gathered: the mean over the batches, which is what a cumulative average ends at. */
  settle(): void {
    this.#means = [average(this.#means)];
    this.#variances = [average(this.#variances)];
  }

  /** Normalises x by the settled statistics. */
  apply(x: Tensor, { gamma, beta }: Affine, epsilon: number): Tensor {
    return batchNormWith(x, gamma, beta, { mean: this.#means[0]!, variance: this.#variances[0]! }, epsilon);
  }

  dispose(): void {
    dispose(...this.#means, ...this.#variances);
  }
}

function average(values: readonly Tensor[]): Tensor {
  const sum = addN(values);
  const mean = keep(scale(sum, 1 / values.length));
  dispose(sum, ...values);
  return mean;
}
