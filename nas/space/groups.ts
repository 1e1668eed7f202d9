import { BadInput } from '../../plan/endings.ts';
import { widths } from './space.ts';
import type { Space, Subnet } from './space.ts';

/** What a group of a stage holds: blocks up to a width, in channels, and up to a number of them. */
export interface GroupMaximum {
  readonly out: number;
  readonly depth: number;
}

/** How many groups a stage of the space can have, and what it has that many of. */
export function mostGroups(space: Space): { most: number; of: 'widths' | 'depths' } {
  if (space.group_by === 'depth') {
    return { most: Math.max(...space.stages.map(({ depth: [min, max] }) => max - min + 1)), of: 'depths' };
  }
  return { most: space.ratios.length, of: 'widths' };
}

/**
 * Per stage what each of its groups holds, ascending. By width: the K widest of the stage's distinct widths at full depth, by
 * depth: its K largest depths at full width; all of them once K exceeds their number. K = 1 is the one-shot supernet.
 * @throws BadInput unless K is an integer 1..`mostGroups`
 */
export function groupMaxima(space: Space, groups: number): GroupMaximum[][] {
  const { most } = mostGroups(space);
  if (!Number.isInteger(groups) || groups < 1 || groups > most) {
    throw new BadInput(`groups: expected an integer 1..${most}, got ${groups}`);
  }
  return space.stages.map(({ depth: [min, max] }, stage) => {
    const outs = widths(space, stage);
    if (space.group_by !== 'depth') return outs.slice(-groups).map((out) => ({ out, depth: max }));
    const first = Math.max(min, max - groups + 1);
    return Array.from({ length: max - first + 1 }, (_, index) => ({ out: outs.at(-1)!, depth: first + index }));
  });
}

/**
 * Index of the group that holds blocks: the first that is neither too narrow nor too shallow.
 * @throws BadInput where none is
 */
export function groupOf(maxima: readonly GroupMaximum[], { out, depth }: GroupMaximum): number {
  const index = maxima.findIndex((maximum) => maximum.out >= out && maximum.depth >= depth);
  if (index < 0) {
    const { out: widest, depth: deepest } = maxima.at(-1)!;
    throw new BadInput(
      `group: expected at most ${deepest} blocks of at most ${widest} channels, got ${depth} of at most ${out}`,
    );
  }
  return index;
}

/** The group of each stage of a subnet: that of its widest out channel and its depth. The last is the classifier's too. */
export function stageGroups(maxima: readonly (readonly GroupMaximum[])[], { stages }: Subnet): number[] {
  return stages.map((blocks, stage) => {
    const out = Math.max(...blocks.map((block) => block.out));
    return groupOf(maxima[stage]!, { out, depth: blocks.length });
  });
}
