import type { Score } from '../score.ts';

// What a score on some images means for all of them.

/** The score that a subnet would have on all images. */
export interface Estimate extends Score {
  /** How many images it was tested on. */
  readonly tested: number;
  /** Standard error of top-1, as a share of the images: 0 where it was tested on all. */
  readonly error: number;
}

interface Pair {
  readonly whole: Score;
  readonly partial: Score;
}

/**
 * Estimates scores on all images from those on some, by the subnets that have both: for each figure a straight line of least
 * squares. Its error is that of the subnets it was fitted on, each left out of the fit in its turn.
 */
export function estimator(pairs: readonly Pair[]): (partial: Score) => Estimate {
  const images = Math.max(...pairs.map(({ whole }) => whole.images));
  const lines = {
    top1: lineOf(pairs, ({ top1, images: of }) => top1 / of),
    top5: lineOf(pairs, ({ top5, images: of }) => top5 / of),
    crossEntropy: lineOf(pairs, ({ crossEntropy }) => crossEntropy),
  };
  const countOf = (share: number): number => images * Math.min(1, Math.max(0, share));
  return ({ top1, top5, images: tested, crossEntropy }) => ({
    top1: countOf(lines.top1.at(top1 / tested)),
    top5: countOf(lines.top5.at(top5 / tested)),
    crossEntropy: lines.crossEntropy.at(crossEntropy),
    images,
    tested,
    error: lines.top1.error,
  });
}

interface Line {
  readonly at: (x: number) => number;
  readonly error: number;
}

/** Through the pairs whose figure is finite; level where all are the same. */
function lineOf(pairs: readonly Pair[], figure: (score: Score) => number): Line {
  const points = pairs
    .map(({ whole, partial }) => ({ x: figure(partial), y: figure(whole) }))
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  const n = points.length;
  const mean = (of: (point: (typeof points)[number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / n;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = mean((point) => (point.x - x) ** 2);
  const slope = spread === 0 ? 0 : mean((point) => (point.x - x) * (point.y - y)) / spread;
  const at = (value: number): number => y + slope * (value - x);
  const leftOut = points.map((point) => {
    const leverage = (1 + (spread === 0 ? 0 : (point.x - x) ** 2 / spread)) / n;
    return (point.y - at(point.x)) / (1 - leverage);
  });
  return { at, error: Math.sqrt(leftOut.reduce((sum, error) => sum + error ** 2, 0) / n) };
}

/** A score on images of which one saw some and the other the rest. */
export function summed(a: Score, b: Score): Score {
  const images = a.images + b.images;
  return {
    top1: a.top1 + b.top1,
    top5: a.top5 + b.top5,
    images,
    crossEntropy: (a.crossEntropy * a.images + b.crossEntropy * b.images) / images,
  };
}
