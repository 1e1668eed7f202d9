import { Matrix, solve } from 'ml-matrix';
import { standardised } from './correlation.ts';
import type { Values } from './correlation.ts';
import type { GroundTruth } from './ground-truth.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { depthOf } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';

// What a ranking is to be compared with: scores of subnets that need no supernet.

/** Scores that need no training, by the name they have everywhere: what any supernet has to beat. */
type Baseline = 'log parameters' | 'log MACs' | 'depth' | 'log parameters and depth';

/**
 * The scores of subnets that need no training, in their order: sizes, the number of blocks, and the sum of log parameters
 * and depth, both standardised.
 * @param resolution of the images the subnets are meant for, in pixels
 */
export function baselines(
  space: Space,
  subnets: readonly Subnet[],
  { classes, resolution }: { readonly classes: number; readonly resolution: number },
): Readonly<Record<Baseline, Float64Array>> {
  const logParameters = Float64Array.from(subnets, (subnet) => Math.log(parameterCount(space, subnet, classes)));
  const depth = Float64Array.from(subnets, depthOf);
  const standardDepth = standardised(depth);
  return {
    'log parameters': logParameters,
    'log MACs': Float64Array.from(subnets, (subnet) => Math.log(macs(space, subnet, resolution, classes))),
    depth,
    'log parameters and depth': standardised(logParameters).map((value, index) => value + standardDepth[index]!),
  };
}

/** What the mix of sizes is called beside the baselines. */
export const MIX = 'sizes and depth, fitted on other bands';

const SIZES = ['log parameters', 'log MACs', 'depth'] as const;

/**
 * The best linear mix of log parameters, log MACs and depth: for each band fitted on the subnets of all others. Subnets without a
 * band are one more group.
 * @returns null where there are fewer than two groups, for then there is nothing to fit on
 */
export function mixedSizes(
  scores: Readonly<Record<Baseline, Values>>,
  accuracies: Values,
  bands: readonly (string | null)[],
): Float64Array | null {
  if (new Set(bands).size < 2) return null;
  const columns = SIZES.map((name) => scores[name]);
  return fittedOnOthers(columns, accuracies, bands);
}

/** Scores mixed with sizes, the weights of all fitted on the subnets of other bands; where there are no bands, of other tenths. */
export function withSizes(
  space: Space,
  { subnets, accuracies, bands }: Pick<GroundTruth, 'subnets' | 'accuracies' | 'bands'>,
  classes: number,
  scores: Values,
): Float64Array {
  const sizes = baselines(space, subnets, { classes, resolution: space.resolutions.at(-1)! });
  const tenths = bands.map((_, at) => String(at % 10));
  const columns = [scores, ...SIZES.map((name) => sizes[name])];
  return fittedOnOthers(columns, accuracies, new Set(bands).size < 2 ? tenths : bands);
}

/** For each group the least-squares mix of the columns fitted on all others, so that no subnet is scored by a fit that saw it. */
function fittedOnOthers(
  columns: readonly Values[],
  accuracies: Values,
  groups: readonly (string | null)[],
): Float64Array {
  const units = columns.map(standardised);
  const rows = groups.map((_, at) => [1, ...units.map((column) => column[at]!)]);
  const mixed = new Float64Array(groups.length);
  for (const group of new Set(groups)) {
    const others = [...groups.keys()].filter((at) => groups[at] !== group);
    const weights = solve(
      new Matrix(others.map((at) => rows[at]!)),
      Matrix.columnVector(others.map((at) => accuracies[at]!)),
      true,
    ).to1DArray();
    for (const [at, own] of groups.entries()) {
      if (own === group) mixed[at] = weights.reduce((sum, weight, index) => sum + weight * rows[at]![index]!, 0);
    }
  }
  return mixed;
}
