import { cast, imageShape, matmul, memo, reshape, transpose } from './ops.ts';
import { constant, dispose, keep } from './tensorflow.ts';
import type { DType, Tensor } from './tensorflow.ts';

// 3×3 convolutions of stride 1 and padding 1 with fewer products: maps are transformed to points, multiplied by the transformed
// weight point by point, and transformed back. With the maps first, [h, w, n, channels], each of these is a product of matrices. All
// are linear, so the gradient of each is the product with the transposed matrix.

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

/** Which matrix [points · tiles, size] transforms to the points: that of `spread`, or the transposed one of `gather`. */
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
  // One axis after the other. Points stand before tiles; the transpose brings the points of both axes together.
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

/** Runs steps one after the other and frees all results but the last. */
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

/**
 * Algorithms for 3×3 convolutions of stride 1 and padding 1 with fewer products than nine for an output, each applied along
 * both axes of a map. Two of them: Winograd's minimal filtering (Lavin and Gray 2015, Fast algorithms for convolutional neural
 * networks), 6 products for a tile of 4, for float32, where its rounding is seven times that of a plain convolution; and one
 * for whole maps whose rounding bfloat16 tolerates, 2 · size − 1 products for an axis.
 */

/** One axis of a map: y = output · ((weight · w) ⊙ (input · x)). */
interface Axis {
  readonly points: number;
  readonly tiles: number;
  /** [points, 3] */
  readonly weight: Matrix;
  /** [points · tiles, size] */
  readonly input: Matrix;
  /** [size, points · tiles] */
  readonly output: Matrix;
}

type Matrix = readonly (readonly number[])[];

/** Outputs of a tile. */
const TILE = 4;
/** Besides infinity. Each with its negative and its inverse: less rounding than with 1 and 2. */
const POINTS = [0, Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT2, -Math.SQRT2];
const axes = new Map<string, Axis>();

/** The better algorithm for maps of size × size in this type. */
function axisOf(size: number, dtype: DType): Axis {
  return memo(axes, `${size}/${dtype}`, () => (size === 2 || dtype === 'bfloat16' ? whole(size) : tiled(size)));
}

/**
 * A convolution with zeros outside the map is the matrix w₁I + w₂(S + Sᵀ) + (w₀ − w₂)Sᵀ, where S takes the next element:
 * sines make the first two terms diagonal, and the third takes one product for each of its size − 1 elements.
 */
function whole(size: number): Axis {
  const angle = Math.PI / (size + 1);
  const sines = range(size).map((i) =>
    range(size).map((j) => Math.sqrt(2 / (size + 1)) * Math.sin((i + 1) * (j + 1) * angle)),
  );
  return {
    points: 2 * size - 1,
    tiles: 1,
    weight: [
      ...range(size).map((i) => [0, 1, 2 * Math.cos((i + 1) * angle)]),
      ...range(size - 1).map(() => [1, 0, -1]),
    ],
    input: [...sines, ...range(size - 1).map((i) => unit(size, i))],
    output: range(size).map((y) => [...sines[y]!, ...unit(size, y).slice(1)]),
  };
}

/** Toom and Cook's algorithm for tiles of four, the last one cut off: polynomials by their values at the points. */
function tiled(size: number): Axis {
  const points = POINTS.length + 1;
  const tiles = Math.ceil(size / TILE);
  const others = POINTS.map((point) => POINTS.filter((other) => other !== point));
  const values = [...POINTS.map((point) => powers(point, TILE)), unit(TILE, TILE - 1)];
  const weight = others.map((rest, i) => {
    const scale = rest.reduce((product, other) => product * (POINTS[i]! - other), 1);
    return powers(POINTS[i]!, 3).map((power) => power / scale);
  });
  const factors = [...others, POINTS].map(coefficients);
  return {
    points,
    tiles,
    weight: [...weight, unit(3, 2)],
    // Tile t reads from one before its first output on; what lies outside the map is zero.
    input: factors.flatMap((factor) =>
      range(tiles).map((tile) => range(size).map((x) => factor[x - TILE * tile + 1] ?? 0)),
    ),
    output: range(size).map((y) => values.flatMap((value) => range(tiles).map((tile) => value[y - TILE * tile] ?? 0))),
  };
}

/** Coefficients of the polynomial with these roots, the constant first. */
function coefficients(roots: readonly number[]): number[] {
  let polynomial = [1];
  for (const root of roots) {
    polynomial = [0, ...polynomial].map((higher, power) => higher - root * (polynomial[power] ?? 0));
  }
  return polynomial;
}

/** The Kronecker product: it applies a along one axis and b along the other at once. */
function kronecker(a: Matrix, b: Matrix): Matrix {
  return a.flatMap((row) => b.map((other) => row.flatMap((x) => other.map((y) => x * y))));
}

/** 1, at, at² … */
function powers(at: number, count: number): number[] {
  return range(count).map((power) => at ** power);
}

function unit(size: number, at: number): number[] {
  return range(size).map((i) => Number(i === at));
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
