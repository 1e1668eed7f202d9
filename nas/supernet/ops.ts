import { attribute, constant, dispose, run, runMany } from './tensorflow.ts';
import type { Attributes, DType, Tensor } from './tensorflow.ts';

/**
 * The operations that networks are made of, each one TensorFlow kernel where there is one. Images are NHWC.
 * Attribute lists are built once: operands' types are inferred, so one list serves every precision.
 */

const sums = new Map<number, Attributes>();
const concats = new Map<number, Attributes>();
const splits = new Map<number, Attributes>();
const casts = new Map<DType, Attributes>();
const PRODUCTS = [false, true].flatMap((a) =>
  [false, true].map((b) => [attribute.bool('adj_x', a), attribute.bool('adj_y', b)]),
);

export function relu(x: Tensor): Tensor {
  return run('Relu', [], [x]);
}

/** y is the output of the forward pass. */
export function reluGradient(dy: Tensor, y: Tensor): Tensor {
  return run('ReluGrad', [], [dy, y]);
}

/** -1, 0 or 1 for each element. */
export function sign(x: Tensor): Tensor {
  return run('Sign', [], [x]);
}

export function absolute(x: Tensor): Tensor {
  return run('Abs', [], [x]);
}

/** a + b with broadcasting. */
export function add(a: Tensor, b: Tensor): Tensor {
  return run('AddV2', [], [a, b]);
}

/** a · b, element by element, with broadcasting. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  return run('Mul', [], [a, b]);
}

/** x · factor, x in float32. */
export function scale(x: Tensor, factor: number): Tensor {
  return run('Mul', [], [x, scalar(factor)]);
}

/** Sum of float32 tensors of one shape. */
export function addN(terms: readonly Tensor[]): Tensor {
  const count = terms.length;
  return run(
    'AddN',
    memo(sums, count, () => [attribute.int('N', count), attribute.type('T', 'float32')]),
    terms,
  );
}

/** Every element forced into [-limit, limit], x in float32. */
export function clipByValue(x: Tensor, limit: number): Tensor {
  return run('ClipByValue', [], [x, scalar(-limit), scalar(limit)]);
}

/** A part of a tensor, its leading one unless `begin` says where it starts. */
export function leading(x: Tensor, size: readonly number[], begin: readonly number[] = size.map(() => 0)): Tensor {
  return run('Slice', [], [x, integers(begin), integers(size)]);
}

/** The inverse of `leading`: zeros behind x up to the shape. */
export function padTo(x: Tensor, shape: readonly number[]): Tensor {
  return run('Pad', [], [x, margins(shape.map((size, axis) => [0, size - x.shape[axis]!]))]);
}

export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  return run('Reshape', [], [x, integers(shape)]);
}

/** Vectors one behind the other. */
export function concat(vectors: readonly Tensor[]): Tensor {
  const count = vectors.length;
  const attributes = memo(concats, count, () => [
    attribute.int('N', count),
    attribute.type('T', 'float32'),
    attribute.type('Tidx', 'int32'),
  ]);
  return run('ConcatV2', attributes, [...vectors, integer(0)]);
}

/** The inverse of `concat`: vectors of the sizes that are given, or so many of one size. */
export function split(vector: Tensor, sizes: readonly number[] | number): Tensor[] {
  const count = typeof sizes === 'number' ? sizes : sizes.length;
  const attributes = memo(splits, count, () => [attribute.int('num_split', count)]);
  if (typeof sizes === 'number') return runMany('Split', attributes, [integer(0), vector], count);
  return runMany('SplitV', attributes, [vector, integers(sizes), integer(0)], count);
}

/** Sum over some axes, which are gone in the result. */
export function sumOver(x: Tensor, axes: readonly number[]): Tensor {
  return run('Sum', [], [x, integers(axes)]);
}

export function transpose(x: Tensor, order: readonly number[]): Tensor {
  return run('Transpose', [], [x, integers(order)]);
}

export function cast(x: Tensor, dtype: DType): Tensor {
  return run(
    'Cast',
    memo(casts, dtype, () => [attribute.type('DstT', dtype)]),
    [x],
  );
}

/**
 * a · b, each transposed on request; stacks of matrices are multiplied pair by pair.
 * Not by MatMul: its oneDNN kernel keeps data where a signal handler (of SIGTERM in a trainer, or of a profiler) may overwrite
 * it, which was seen to corrupt the heap.
 */
export function matmul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  return run('BatchMatMulV2', PRODUCTS[Number(transposeA) * 2 + Number(transposeB)]!, [a, b]);
}

/** x + bias over the last axis. */
export function biasAdd(x: Tensor, bias: Tensor): Tensor {
  return run('BiasAdd', [], [x, bias]);
}

/** Sum over all axes but the last. */
export function biasGradient(dy: Tensor): Tensor {
  return run('BiasAddGrad', [], [dy]);
}

/** Over the last axis. logits: [n, classes]. */
export function softmax(logits: Tensor): Tensor {
  return run('Softmax', [], [logits]);
}

/** [n] → [n, classes]: `on` where the class is the label, `off` elsewhere. */
export function oneHot(labels: Tensor, classes: number, on = 1, off = 0): Tensor {
  return run('OneHot', [], [labels, integer(classes), scalar(on), scalar(off)]);
}

/**
 * Cross-entropy of logits against target probabilities, both [n, classes].
 * @returns loss of each sample [n], and dloss/dlogits [n, classes] of each sample (to be scaled by 1/n for the mean)
 */
export function softmaxCrossEntropy(logits: Tensor, targets: Tensor): { loss: Tensor; gradient: Tensor } {
  const [loss, gradient] = runMany('SoftmaxCrossEntropyWithLogits', [], [logits, targets], 2);
  return { loss: loss!, gradient: gradient! };
}

/** The four extents of images or feature maps. Throws RangeError for another rank. */
export function imageShape([n, h, w, c]: readonly number[]): [n: number, h: number, w: number, c: number] {
  if (n === undefined || h === undefined || w === undefined || c === undefined) {
    throw new RangeError(`images: expected the shape [n, h, w, channels], got [${[n, h, w].join()}]`);
  }
  return [n, h, w, c];
}

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
function integer(value: number): Tensor {
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
