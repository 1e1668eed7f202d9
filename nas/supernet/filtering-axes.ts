import { memo } from './constants.ts';
import type { DType } from './tensorflow.ts';

/**
 * Algorithms for 3×3 convolutions of stride 1 and padding 1 with fewer products than nine for an output, each applied along
 * both axes of a map. Two of them: Winograd's minimal filtering (Lavin and Gray 2015, Fast algorithms for convolutional neural
 * networks), 6 products for a tile of 4, for float32, where its rounding is seven times that of a plain convolution; and one
 * for a whole map that bfloat16 bears, 2 · size − 1 products for an axis.
 */

/** One axis of a map: y = output · ((weight · w) ⊙ (input · x)). */
export interface Axis {
  readonly points: number;
  readonly tiles: number;
  /** [points, 3] */
  readonly weight: Matrix;
  /** [points · tiles, size] */
  readonly input: Matrix;
  /** [size, points · tiles] */
  readonly output: Matrix;
}

export type Matrix = readonly (readonly number[])[];

/** Outputs of a tile. */
const TILE = 4;
/** Besides infinity. Each with its negative and its inverse: less rounding than with 1 and 2. */
const POINTS = [0, Math.SQRT1_2, -Math.SQRT1_2, Math.SQRT2, -Math.SQRT2];
const axes = new Map<string, Axis>();

/** The better algorithm for maps of size × size in this type. */
export function axisOf(size: number, dtype: DType): Axis {
  return memo(axes, `${size}/${dtype}`, () => (size === 2 || dtype === 'bfloat16' ? whole(size) : tiled(size)));
}

/**
 * A convolution with zeros outside the map is the matrix w₁I + w₂(S + Sᵀ) + (w₀ − w₂)Sᵀ, where S takes the next element:
 * sines turn the first two terms into a diagonal, the third moves all elements but the last one on.
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

/** Of the polynomial with these roots, from the constant on. */
function coefficients(roots: readonly number[]): number[] {
  let polynomial = [1];
  for (const root of roots) {
    polynomial = [0, ...polynomial].map((higher, power) => higher - root * (polynomial[power] ?? 0));
  }
  return polynomial;
}

/** The matrix that does along both axes at once what a and b do along one each. */
export function kronecker(a: Matrix, b: Matrix): Matrix {
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
