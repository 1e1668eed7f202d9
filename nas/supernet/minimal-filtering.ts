import { memo } from './constants.ts';
import { axisOf, kronecker } from './filtering-axes.ts';
import type { Matrix } from './filtering-axes.ts';
import { cast, imageShape, matmul, reshape, transpose } from './ops.ts';
import { constant, dispose, keep } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';

/**
 * 3×3 convolutions of stride 1 and padding 1 by the algorithms of filtering-axes.ts. With the maps first, [h, w, n, channels],
 * all of them are products of matrices: into the points, one product for each pair of points, and back. Every step is linear,
 * so its gradient is the same step by the transposed matrix.
 */

/** x [size, size, n, in], weight of `filterWeight` → [size, size, n, out]. */
export function filter(x: Tensor, weight: Tensor): Tensor {
  const [size, , n] = imageShape(x.shape);
  return chain(
    spread(x),
    (v) => matmul(v, weight),
    (m) => gather(m, size, n),
  );
}

/** weight [3, 3, in, out] → [points², in, out], for maps of size × size. */
export function filterWeight(weight: Tensor, size: number): Tensor {
  const [, , input, out] = imageShape(weight.shape);
  const { points } = axisOf(size, weight.dtype);
  return chain(
    reshape(weight, [9, input * out]),
    (flat) => matmul(constantOf('weight', size, weight.dtype), flat),
    (values) => reshape(values, [points * points, input, out]),
  );
}

/** dLoss/dweight, [3, 3, in, out], from that of what `filterWeight` gave. */
export function filterWeightGradient(gradient: Tensor, size: number): Tensor {
  const [points2 = NaN, input = NaN, out = NaN] = gradient.shape;
  return chain(
    reshape(gradient, [points2, input * out]),
    (flat) => matmul(constantOf('weight', size, gradient.dtype), flat, true),
    (taps) => reshape(taps, [3, 3, input, out]),
  );
}

/** x [size, size, n, c] at the points of its tiles: [points², tiles² · n, c]. */
export function spread(x: Tensor): Tensor {
  return toPoints(x, 'input');
}

/** dLoss/dx from that of `spread`'s values. */
export function spreadGradient(gradient: Tensor, size: number, n: number): Tensor {
  return fromPoints(gradient, 'input', size, n);
}

/** Products at the points, [points², tiles² · n, c], to maps [size, size, n, c]. */
export function gather(products: Tensor, size: number, n: number): Tensor {
  return fromPoints(products, 'output', size, n);
}

/** dLoss/dproducts from that of `gather`'s maps. */
export function gatherGradient(gradient: Tensor): Tensor {
  return toPoints(gradient, 'output');
}

/** Of the matrices [points · tiles, size] that lead to the points: the one that spreads, or gathering's transposed one. */
type Way = 'input' | 'output';

function toPoints(x: Tensor, way: Way): Tensor {
  const [size, , n, c] = imageShape(x.shape);
  const { points, tiles } = axisOf(size, x.dtype);
  const matrix = constantOf(way, size, x.dtype);
  if (tiles === 1) {
    return chain(
      reshape(x, [size * size, n * c]),
      (flat) => matmul(matrix, flat),
      (v) => reshape(v, [points * points, n, c]),
    );
  }
  // One axis after the other; points stand before tiles, and those of both axes have to come together.
  return chain(
    reshape(x, [size, size * n * c]),
    (flat) => matmul(matrix, flat),
    (v) => reshape(v, [points * tiles, size, n * c]),
    (v) => matmul(matrix, v),
    (v) => reshape(v, [points, tiles, points, tiles * n * c]),
    (v) => transpose(v, [0, 2, 1, 3]),
    (v) => reshape(v, [points * points, tiles * tiles * n, c]),
  );
}

function fromPoints(m: Tensor, way: Way, size: number, n: number): Tensor {
  const { points, tiles } = axisOf(size, m.dtype);
  const c = m.shape[2]!;
  const matrix = constantOf(way, size, m.dtype);
  if (tiles === 1) {
    return chain(
      reshape(m, [points * points, n * c]),
      (flat) => matmul(matrix, flat, true),
      (y) => reshape(y, [size, size, n, c]),
    );
  }
  return chain(
    reshape(m, [points, points, tiles, tiles * n * c]),
    (v) => transpose(v, [0, 2, 1, 3]),
    (v) => reshape(v, [points * tiles, points * tiles, n * c]),
    (v) => matmul(matrix, v, true),
    (v) => reshape(v, [points * tiles, size * n * c]),
    (v) => matmul(matrix, v, true),
    (y) => reshape(y, [size, size, n, c]),
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

const constants = new Map<string, Tensor>();

/** Along both axes at once where one tile covers the map, and for weights; else along one. */
function constantOf(name: Way | 'weight', size: number, dtype: DType): Tensor {
  return memo(constants, `${name}/${size}/${dtype}`, () => {
    const { tiles, input, output, weight } = axisOf(size, dtype);
    const matrix = name === 'weight' ? weight : name === 'input' ? input : transposed(output);
    const rows = name === 'weight' || tiles === 1 ? kronecker(matrix, matrix) : matrix;
    const float32 = constant(Float32Array.from(rows.flat()), [rows.length, rows[0]!.length]);
    return dtype === 'float32' ? float32 : keep(cast(float32, dtype));
  });
}

function transposed(matrix: Matrix): Matrix {
  return matrix[0]!.map((_, column) => matrix.map((row) => row[column]!));
}
