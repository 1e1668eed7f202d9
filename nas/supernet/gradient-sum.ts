import { padded } from './memory-layout.ts';
import { addN, cast, concat, memo, reshape, split } from './ops.ts';
import type { Ranks } from './ranks.ts';
import { dispose, keep, scope } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** The gradient of a parameter: the sum over all slices that backward passes have given since the last update. */
export class GradientSum {
  /** Of the whole parameter, with its lanes. */
  readonly #shape: readonly number[];
  #parts: Tensor[] = [];

  constructor(shape: readonly number[]) {
    this.#shape = shape;
  }

  /** Adds the gradient of a slice, lanes included, which it takes over: the caller must not use or free it. */
  add(gradient: Tensor): void {
    if (gradient.dtype === 'float32') {
      this.#parts.push(keep(gradient));
      return;
    }
    this.#parts.push(keep(cast(gradient, 'float32')));
    dispose(gradient);
  }

  /**
   * The sum in float32, of the parameter's shape with lanes and zero where no slice reached; undefined where none was added.
   * It stays the owner until `clear`.
   */
  total(): Tensor | undefined {
    // Slices of one size are added before they are padded.
    const bySize = new Map<string, Tensor[]>();
    for (const part of this.#parts) memo(bySize, part.shape.join(), () => []).push(part);
    const whole = [...bySize.values()].map((same) => padded(sumOf(same), this.#shape));
    if (whole.length === 0) return undefined;
    const total = keep(sumOf(whole));
    this.#parts = [total];
    return total;
  }

  clear(): void {
    dispose(...this.#parts);
    this.#parts = [];
  }
}

/** From so many values on it takes longer to copy a gradient into a vector of several and out again than to sum it by itself. */
const LARGE = 65_536;

/**
 * Makes each gradient the sum over all ranks. Small ones are summed together as one vector, for many small sums take far longer. The
 * ranks train the same nets, so the same parameters have a gradient on each.
 */
export function sumOverRanks(all: Iterable<GradientSum>, ranks: Ranks): void {
  scope(() => {
    const small: { gradient: GradientSum; total: Tensor; size: number }[] = [];
    for (const gradient of all) {
      const total = gradient.total();
      if (total === undefined) continue;
      const size = total.shape.reduce((product, extent) => product * extent, 1);
      if (size < LARGE) small.push({ gradient, total, size });
      else replace(gradient, ranks.sum(total));
    }
    if (small.length === 0) return;
    const own = concat(small.map(({ total, size }) => reshape(total, [size])));
    const sums = split(
      ranks.sum(own),
      small.map(({ size }) => size),
    );
    small.forEach(({ gradient, total: { shape } }, at) => replace(gradient, reshape(sums[at]!, shape)));
  });
}

function replace(gradient: GradientSum, sum: Tensor): void {
  gradient.clear();
  gradient.add(sum);
}

/** Frees the terms; a single term is its own sum. */
function sumOf(terms: readonly Tensor[]): Tensor {
  if (terms.length === 1) return terms[0]!;
  const sum = addN(terms);
  dispose(...terms);
  return sum;
}
