import { Matrix, solve } from 'ml-matrix';
import { baselines } from './baselines.ts';
import { standardised } from './correlation.ts';
import type { Values } from './correlation.ts';
import { chosenBy } from './ground-truth.ts';
import type { GroundTruth } from './ground-truth.ts';
import type { Space } from '../space/space.ts';

// Rankings by log parameters, log MACs and depth together, with a supernet's score or without. Weights are fitted by least squares,
// and never on the subnet that is scored.

const SIZES = ['log parameters', 'log MACs', 'depth'] as const;

/** What mixes of sizes alone are called beside the baselines. */
export const mixes = {
  bands: 'sizes, fitted on other bands',
  subnets: 'sizes, fitted on other subnets',
} as const;

/** A ground truth smaller than this fits weights to noise. */
export const FEWEST_TO_FIT = 20;

interface Fitted {
  readonly space: Space;
  readonly classes: number;
  /** All of it: what is held out is scored by the rest. */
  readonly truth: Pick<GroundTruth, 'subnets' | 'accuracies' | 'bands' | 'heldOut'>;
}

/**
 * Scores mixed with sizes, for every subnet of a ground truth. No weight is fitted on a subnet that is held out: those are
 * scored by one fit on all others, and each tenth of the others by a fit on the rest of them.
 * @param scores one a subnet; null: sizes alone
 * @returns accuracies that are to be expected, in percent
 */
export function withSizes({ space, classes, truth }: Fitted, scores: Values | null): Float64Array {
  const others = chosenBy(truth);
  const groups = truth.heldOut.map(() => 'held out');
  for (const [number, at] of others.entries()) groups[at] = String(number % 10);
  const columns = [...(scores === null ? [] : [scores]), ...sizesOf({ space, classes, truth })];
  return fittedOnOthers(columns, truth.accuracies, groups, others);
}

/** A linear function of scores and sizes. */
interface SizeFit {
  /** Percent points that one of each is worth: of the score, of log parameters, of log MACs, of blocks. */
  readonly weights: Readonly<Record<string, number>>;
  /** Accuracies that are to be expected of any subnets, in percent. */
  readonly of: (
    sizes: readonly { readonly parameters: number; readonly macs: number; readonly depth: number }[],
    scores: Values,
  ) => Float64Array;
}

/** Fits accuracies on scores and sizes of every subnet of a ground truth that is not held out, for subnets that are not in it. */
export function fitWithSizes({ space, classes, truth }: Fitted, scores: Values): SizeFit {
  const positions = chosenBy(truth);
  const columns = [scores, ...sizesOf({ space, classes, truth })].map((column) =>
    positions.map((position) => column[position]!),
  );
  const [constant, ...weights] = leastSquares(
    positions.map((_, at) => [1, ...columns.map((column) => column[at]!)]),
    positions.map((position) => truth.accuracies[position]!),
  );
  const names = ['score', ...SIZES];
  return {
    weights: Object.fromEntries(names.map((name, index) => [name, weights[index]!])),
    of: (sizes, given) =>
      Float64Array.from(sizes, ({ parameters, macs, depth }, at) => {
        const values = [given[at]!, Math.log(parameters), Math.log(macs), depth];
        return values.reduce((sum, value, index) => sum + weights[index]! * value, constant!);
      }),
  };
}

/**
 * The best mix of sizes: each band is scored by a fit on the subnets of all others. Subnets without a band are one more group.
 * @returns null where a group has fewer others than there are weights to fit
 */
export function mixedByBand({ space, classes, truth }: Fitted): Float64Array | null {
  const others = [...new Set(truth.bands)].map((band) => truth.bands.filter((own) => own !== band).length);
  if (Math.min(...others) < 1 + SIZES.length) return null;
  return fittedOnOthers(sizesOf({ space, classes, truth }), truth.accuracies, truth.bands, [...truth.bands.keys()]);
}

function sizesOf({ space, classes, truth: { subnets } }: Fitted): Float64Array[] {
  const sizes = baselines(space, subnets, { classes, resolution: space.resolutions.at(-1)! });
  return SIZES.map((name) => sizes[name]);
}

/** For each group the least-squares mix of the columns, fitted on those positions that are not of the group. */
function fittedOnOthers(
  columns: readonly Values[],
  accuracies: Values,
  groups: readonly (string | null)[],
  positions: readonly number[],
): Float64Array {
  const units = columns.map(standardised);
  const rows = groups.map((_, at) => [1, ...units.map((column) => column[at]!)]);
  const mixed = new Float64Array(groups.length);
  for (const group of new Set(groups)) {
    const others = positions.filter((at) => groups[at] !== group);
    const weights = leastSquares(
      others.map((at) => rows[at]!),
      others.map((at) => accuracies[at]!),
    );
    for (const [at, own] of groups.entries()) {
      if (own === group) mixed[at] = weights.reduce((sum, weight, index) => sum + weight * rows[at]![index]!, 0);
    }
  }
  return mixed;
}

function leastSquares(rows: number[][], targets: number[]): number[] {
  return solve(new Matrix(rows), Matrix.columnVector(targets), true).to1DArray();
}
