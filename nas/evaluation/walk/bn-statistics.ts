import { batchNorm, batchNormWith } from '../../supernet/batch-norm.ts';
import { addN, scale } from '../../supernet/ops.ts';
import { dispose, keep } from '../../supernet/tensorflow.ts';
import type { Tensor } from '../../supernet/tensorflow.ts';

/** The scale and shift of a batch normalisation, [channels] each. */
interface Affine {
  readonly gamma: Tensor;
  readonly beta: Tensor;
}

/** BN statistics of one place in one path: gathered batch by batch, then averaged once and used. */
export class BnStatistics {
  readonly #mean = new Average();
  readonly #variance = new Average();

  /** Normalises x [n, h, w, channels] by its own statistics, and notes them; then a ReLU where it is `rectified`. */
  gather(x: Tensor, { gamma, beta }: Affine, epsilon: number, rectified: boolean): Tensor {
    const { y, mean, variance, state } = batchNorm(x, gamma, beta, epsilon, rectified);
    dispose(...state);
    this.#mean.add(mean);
    this.#variance.add(variance);
    return y;
  }

  /** Averages what was gathered: the mean over the batches, which is what a cumulative average ends at. */
  settle(): void {
    this.#mean.settle();
    this.#variance.settle();
  }

  /** Normalises x by the settled statistics; then a ReLU where it is `rectified`. */
  apply(x: Tensor, { gamma, beta }: Affine, epsilon: number, rectified: boolean): Tensor {
    const statistics = { mean: this.#mean.value, variance: this.#variance.value };
    return batchNormWith(x, gamma, beta, statistics, epsilon, rectified);
  }

  dispose(): void {
    this.#mean.dispose();
    this.#variance.dispose();
  }
}

// Values that wait to be added: one operation for many, and memory that does not grow with the batches.
const MOST_WAITING = 16;

class Average {
  #count = 0;
  #terms: Tensor[] = [];

  /** Takes the tensor over. */
  add(term: Tensor): void {
    this.#count++;
    this.#terms.push(keep(term));
    if (this.#terms.length === MOST_WAITING) this.#replace(addN(this.#terms));
  }

  settle(): void {
    if (this.#terms.length > 1) this.#replace(addN(this.#terms));
    if (this.#count > 1) this.#replace(scale(this.value, 1 / this.#count));
  }

  get value(): Tensor {
    return this.#terms[0]!;
  }

  dispose(): void {
    dispose(...this.#terms);
  }

  #replace(term: Tensor): void {
    dispose(...this.#terms);
    this.#terms = [keep(term)];
  }
}
