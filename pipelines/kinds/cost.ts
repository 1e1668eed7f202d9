/** What the estimates of training and of evaluation share. */
import { activations, convolutions } from '../../nas/space/footprint.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';

export const GIGA = 1e9;
export const FLOAT_BYTES = 4;
/** Counted: operations that belong to a convolution in a forward pass. */
export const OPERATIONS_TESTED = 4;
/** Counted: how often a number among the activations is read or written in it. */
export const ACCESSES_TESTED = 2;

/** Of a number among the activations. */
export function bytesOf({ precision }: { precision: 'float32' | 'bf16' }): number {
  return precision === 'bf16' ? FLOAT_BYTES / 2 : FLOAT_BYTES;
}

/** Of all subnets together, each alone. */
export function testedConvolutions(space: Space, subnets: readonly Subnet[]): number {
  return subnets.reduce((sum, subnet) => sum + convolutions(space, subnet), 0);
}

/** Numbers among the activations of an image of all subnets together, each alone. */
export function testedMaps(space: Space, subnets: readonly Subnet[]): number {
  const side = space.resolutions.at(-1) ?? 0;
  return subnets.reduce((sum, subnet) => sum + activations(space, subnet, side).kept, 0);
}
