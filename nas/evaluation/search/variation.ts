import type { Random } from '../../space/random.ts';
import { randomArchitecture } from '../../space/sampling.ts';
import type { Architecture, Space } from '../../space/space.ts';

// New architectures out of known ones. Each stays one that training samples: one out code a stage, the first stage's the stem's.

/**
 * A child of two: each choice (the stem, each stage's depth and out code, each block's mid code) is one of theirs.
 * @param share of the choices that are the second's, on average
 */
export function crossed(a: Architecture, b: Architecture, share: number, random: Random): Architecture {
  const pick = <T>(one: T, other: T): T => (random.uniform() < share ? other : one);
  const stem = pick(a.stem, b.stem);
  const stages = a.stages.map((blocks, stage) => {
    const others = b.stages[stage]!;
    const depth = pick(blocks.length, others.length);
    const own = pick(blocks[0]!.out, others[0]!.out);
    const out = stage === 0 ? stem : own;
    return Array.from({ length: depth }, (_, at) => {
      const [mid, other] = [blocks[at]?.mid, others[at]?.mid];
      // Where one parent has no such block it is the other's.
      return { mid: pick(mid ?? other!, other ?? mid!), out };
    });
  });
  return { stem, stages };
}

/** An architecture with this share of its choices drawn anew, on average. */
export function mutated(space: Space, architecture: Architecture, share: number, random: Random): Architecture {
  return crossed(architecture, randomArchitecture(space, random), share, random);
}
