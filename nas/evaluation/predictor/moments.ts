/** Sums over observations: all that a ridge regression needs of them. Sums of parts add up, and can be taken away again. */
export interface Moments {
  readonly count: number;
  /** Σ x, [features] */
  readonly x: Float64Array;
  /** Σ x·xᵀ, [features, features]: the lower triangle, the rest is 0. */
  readonly xx: Float64Array;
  /** Σ x·y, [features] */
  readonly xy: Float64Array;
  readonly y: number;
  readonly yy: number;
}

/** @param rows of features, all of one length  @param targets one a row */
export function momentsOf(rows: readonly Float64Array[], targets: ArrayLike<number>): Moments {
  const features = rows[0]?.length ?? 0;
  const x = new Float64Array(features);
  const xx = new Float64Array(features * features);
  const xy = new Float64Array(features);
  let y = 0;
  let yy = 0;
  for (const [index, row] of rows.entries()) {
    const target = targets[index]!;
    y += target;
    yy += target * target;
    for (let i = 0; i < features; i++) {
      const value = row[i]!;
      if (value === 0) continue;
      x[i]! += value;
      xy[i]! += value * target;
      for (let j = 0; j <= i; j++) xx[i * features + j]! += value * row[j]!;
    }
  }
  return { count: rows.length, x, xx, xy, y, yy };
}

/** The moments of the observations that are in `all` but not in `some` of them. */
export function without(all: Moments, some: Moments): Moments {
  return {
    count: all.count - some.count,
    x: less(all.x, some.x),
    xx: less(all.xx, some.xx),
    xy: less(all.xy, some.xy),
    y: all.y - some.y,
    yy: all.yy - some.yy,
  };
}

function less(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, index) => value - b[index]!);
}
