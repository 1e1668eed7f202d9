import { constant, dispose } from './tensorflow.ts';
import type { Tensor } from './tensorflow.ts';

/** Small tensors that operations take as arguments (shapes, axes, factors), made once and shared. */
const vectors = new Map<string, Tensor>();
const matrices = new Map<string, Tensor>();
const singles = new Map<number, Tensor>();
const scalars = new Map<number, Tensor>();
const MOST_SCALARS = 256;

/** An int32 vector: a shape, axes, offsets. */
export function integers(values: readonly number[]): Tensor {
  return memo(vectors, values.join(), () => constant(Int32Array.from(values), [values.length]));
}

/** An int32 scalar. */
export function integer(value: number): Tensor {
  return memo(singles, value, () => constant(Int32Array.of(value), []));
}

/** How much is to be put before and after each axis: [axes, 2]. */
export function margins(values: readonly (readonly [before: number, after: number])[]): Tensor {
  return memo(matrices, values.join(), () => constant(Int32Array.from(values.flat()), [values.length, 2]));
}

/** A float32 scalar. The least recently used goes, so that a changing learning rate does not pile up. */
export function scalar(value: number): Tensor {
  const known = scalars.get(value);
  const result = known ?? constant(Float32Array.of(value), []);
  if (known) scalars.delete(value);
  scalars.set(value, result);
  if (scalars.size > MOST_SCALARS) {
    const [oldest, unused] = scalars.entries().next().value!;
    scalars.delete(oldest);
    dispose(unused);
  }
  return result;
}

/** The value of a key, made at its first use. */
export function memo<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  let value = known.get(key);
  if (value === undefined) known.set(key, (value = make()));
  return value;
}
