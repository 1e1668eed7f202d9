import { memo } from './constants.ts';
import { axisOf, kronecker } from './filtering-axes.ts';
import type { Matrix } from './filtering-axes.ts';
import { cast, imageShape, matmul, reshape, transpose } from './ops.ts';
import { constant, dispose, keep } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';

/**
 * 3×3 convolutions of stride 1 and padding 1 by the algorithms of filtering-axes.ts. With the maps first, [h, w, n, channels],
 * all of them are products of matrices: into the points, one product for each pair of points, and back.
 */

/** weight [3, 3, in, out] → what `filter` takes for maps of size × size: [points², in, out]. */
export function filterWeight(weight: Tensor, size: number): Tensor {
  const [, , input, out] = imageShape(weight.shape);
  const { points, weight: transform } = axisOf(size, weight.dtype);
  const both = matrix('weight', size, weight.dtype, () => kronecker(transform, transform));
  return chain(
    reshape(weight, [9, input * out]),
    (flat) => matmul(both, flat),
    (spread) => reshape(spread, [points * points, input, out]),
  );
}

/** x [size, size, n, in], weight of `filterWeight` → [size, size, n, out]. */
export function filter(x: Tensor, weight: Tensor): Tensor {
  const [size, , n, input] = imageShape(x.shape);
  const [points2 = NaN, , out = NaN] = weight.shape;
  const { points, tiles, input: spread, output: gather } = axisOf(size, x.dtype);
  if (tiles === 1) {
    const into = matrix('input', size, x.dtype, () => kronecker(spread, spread));
    const from = matrix('output', size, x.dtype, () => kronecker(gather, gather));
    return chain(
      reshape(x, [size * size, n * input]),
      (flat) => matmul(into, flat),
      (v) => reshape(v, [points2, n, input]),
      (v) => matmul(v, weight),
      (m) => reshape(m, [points2, n * out]),
      (m) => matmul(from, m),
      (y) => reshape(y, [size, size, n, out]),
    );
  }
  // One axis after the other; points stand before tiles, and have to come together.
  const into = matrix('input', size, x.dtype, () => spread);
  const from = matrix('output', size, x.dtype, () => gather);
  return chain(
    reshape(x, [size, size * n * input]),
    (flat) => matmul(into, flat),
    (v) => reshape(v, [points * tiles, size, n * input]),
    (v) => matmul(into, v),
    (v) => reshape(v, [points, tiles, points, tiles * n * input]),
    (v) => transpose(v, [0, 2, 1, 3]),
    (v) => reshape(v, [points2, tiles * tiles * n, input]),
    (v) => matmul(v, weight),
    (m) => reshape(m, [points, points, tiles, tiles * n * out]),
    (m) => transpose(m, [0, 2, 1, 3]),
    (m) => reshape(m, [points * tiles, points * tiles, n * out]),
    (m) => matmul(from, m),
    (m) => reshape(m, [points * tiles, size * n * out]),
    (m) => matmul(from, m),
    (y) => reshape(y, [size, size, n, out]),
  );
}

/** Runs steps one after the other and frees what each but the last gives. */
function chain(first: Tensor, ...steps: readonly ((x: Tensor) => Tensor)[]): Tensor {
  let x = first;
  for (const step of steps) {
    const y = step(x);
    dispose(x);
    x = y;
  }
  return x;
}

const matrices = new Map<string, Tensor>();

function matrix(name: string, size: number, dtype: DType, make: () => Matrix): Tensor {
  return memo(matrices, `${name}/${size}/${dtype}`, () => {
    const rows = make();
    const float32 = constant(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
    return dtype === 'float32' ? float32 : keep(cast(float32, dtype));
  });
}
