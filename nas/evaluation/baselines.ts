import { standardised } from './correlation.ts';
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
