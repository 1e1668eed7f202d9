import { Matrix, solve } from 'ml-matrix';
import { standardised } from './correlation.ts';
import type { Values } from './correlation.ts';
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

/**
 * The best linear mix of log parameters, log MACs and depth: for each band fitted by least squares on the subnets of all
 * others, so that none is scored by a fit that saw it. Subnets without a band are one more group.
 * @param bands the band of each subnet, null for none
 * @returns null where there are fewer than two groups, for then there is nothing to fit on
 */
export function mixedSizes(
  scores: Readonly<Record<Baseline, Values>>,
  accuracies: Values,
  bands: readonly (string | null)[],
): Float64Array | null {
  const groups = new Set(bands);
  if (groups.size < 2) return null;
  const columns = (['log parameters', 'log MACs', 'depth'] as const).map((name) => standardised(scores[name]));
  const rows = bands.map((_, at) => [1, ...columns.map((column) => column[at]!)]);
  const mixed = new Float64Array(bands.length);
  for (const band of groups) {
    const others = [...bands.keys()].filter((at) => bands[at] !== band);
    const weights = solve(
      new Matrix(others.map((at) => rows[at]!)),
      Matrix.columnVector(others.map((at) => accuracies[at]!)),
      true,
    ).to1DArray();
    for (const [at, own] of bands.entries()) {
      if (own === band) mixed[at] = weights.reduce((sum, weight, index) => sum + weight * rows[at]![index]!, 0);
    }
  }
  return mixed;
}
