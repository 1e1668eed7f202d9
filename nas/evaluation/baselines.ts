import { macs, parameterCount } from '../space/cost.ts';
import { depthOf } from '../space/space.ts';
import type { Space, Subnet } from '../space/space.ts';
import { standardised } from './metrics.ts';

/** Scores of subnets that need no training: what any supernet has to beat. */
export interface Baselines {
  readonly logParameters: Float64Array;
  readonly logMacs: Float64Array;
  /** Number of blocks. */
  readonly depth: Float64Array;
  /** Standardised log parameters plus standardised depth. */
  readonly blend: Float64Array;
}

/**
 * The no-training baselines of subnets, in their order.
 * @param resolution of the images the subnets are meant for, in pixels
 */
export function baselines(
  space: Space,
  subnets: readonly Subnet[],
  { classes, resolution }: { readonly classes: number; readonly resolution: number },
): Baselines {
  const logParameters = Float64Array.from(subnets, (subnet) => Math.log(parameterCount(space, subnet, classes)));
  const logMacs = Float64Array.from(subnets, (subnet) => Math.log(macs(space, subnet, resolution, classes)));
  const depth = Float64Array.from(subnets, depthOf);
  const standardDepth = standardised(depth);
  const blend = standardised(logParameters).map((value, index) => value + standardDepth[index]!);
  return { logParameters, logMacs, depth, blend };
}
