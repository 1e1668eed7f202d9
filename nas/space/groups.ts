import { BadInput } from '../../plan/endings.ts';
import { widths } from './space.ts';
import type { Space, Subnet } from './space.ts';

/**
 * Per stage the largest out channel of each of its groups, ascending: the K widest of the stage's distinct widths,
 * all of them once K exceeds their number. K = 1 is the one-shot supernet.
 * @throws BadInput unless K is an integer 1..number of ratios
 */
export function groupMaxima(space: Space, groups: number): number[][] {
  if (!Number.isInteger(groups) || groups < 1 || groups > space.ratios.length) {
    throw new BadInput(`groups: expected an integer 1..${space.ratios.length}, got ${groups}`);
  }
  return space.stages.map((_, stage) => widths(space, stage).slice(-groups));
}

/**
 * Index of the group that holds a width: the smallest maximum that is not below it.
 * @throws BadInput for a width above them all
 */
export function groupOf(maxima: readonly number[], width: number): number {
  const index = maxima.findIndex((maximum) => maximum >= width);
  if (index < 0) throw new BadInput(`group: expected a width of at most ${maxima.at(-1)}, got ${width}`);
  return index;
}

/** The group of each stage of a subnet: that of the widest out channel in the stage. The last is the classifier's too. */
export function stageGroups(maxima: readonly (readonly number[])[], subnet: Subnet): number[] {
  return subnet.stages.map((blocks, stage) => groupOf(maxima[stage]!, Math.max(...blocks.map(({ out }) => out))));
}
