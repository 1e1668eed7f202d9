import type { Space, Subnet } from './space.ts';

/** The smallest space that the subnet is in: nothing is built that it does not use, but for mids narrower than their stage. */
export function spaceAround(space: Space, { stem, stages }: Subnet): Space {
  return {
    ...space,
    stem: { ...space.stem, base: stem },
    stages: space.stages.map((stage, index) => {
      const blocks = stages[index]!;
      const base = Math.max(...blocks.flatMap(({ mid, out }) => [mid, out]));
      return { ...stage, base, depth: [blocks.length, blocks.length] };
    }),
    ratios: [1],
    divisor: 1,
  };
}
