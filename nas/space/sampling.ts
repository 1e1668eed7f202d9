import { BadInput } from '../../plan/endings.ts';
import { formatArchCode } from './arch-code.ts';
import { randomOf } from './random.ts';
import type { Random } from './random.ts';
import { subnetOf } from './space.ts';
import type { Architecture, Space, Stage } from './space.ts';

/** Widest and deepest network of the space. */
export function maxArchitecture(space: Space): Architecture {
  return uniformArchitecture(space, 1, (stage) => stage.depth[1]);
}

/** Narrowest and shallowest network of the space. */
export function minArchitecture(space: Space): Architecture {
  return uniformArchitecture(space, space.ratios.length, (stage) => stage.depth[0]);
}

/**
 * One network as training samples it: uniform stem code, uniform depths, one uniform out code per stage (stage 1
 * takes the stem's), a uniform mid code per block.
 */
export function randomArchitecture(space: Space, random: Random): Architecture {
  const code = (): number => 1 + random.integer(space.ratios.length);
  const depths = space.stages.map((stage) => random.pick(depthsOf(stage)));
  return assemble(code(), depths, code, code);
}

/**
 * As many networks as there are ratios in which every choice (the stem, each stage's out, each block's mid) takes
 * every code exactly once (FairNAS, arXiv 1907.01845, strict fairness). Depths are drawn from a list that repeats each
 * depth equally often, since their number is not the number of ratios. The out code is one per stage, as in
 * `randomArchitecture`, so that all networks lie in the space that is ranked.
 */
export function fairArchitectures(space: Space, random: Random): Architecture[] {
  const group = space.ratios.length;
  const codes = (): number[] => Array.from(random.shuffle(group), (index) => index + 1);
  const depths = space.stages.map((stage) => {
    const once = depthsOf(stage);
    const pool = Array.from({ length: Math.ceil(group / once.length) }, () => once).flat();
    return Array.from(random.shuffle(pool.length), (index) => pool[index]!);
  });
  const stem = codes();
  const outs = space.stages.map(codes);
  const mids = space.stages.map((stage) => Array.from({ length: stage.depth[1] }, codes));
  return Array.from({ length: group }, (_, net) =>
    assemble(
      stem[net]!,
      depths.map((depth) => depth[net]!),
      (stage) => outs[stage]![net]!,
      (stage, block) => mids[stage]![block]![net]!,
    ),
  );
}

/**
 * Networks stratified over size: all codes of a network lie within one step of its level, levels take turns, depths
 * are random. Their accuracies spread further than those of random networks, so there is a ranking to learn.
 * A pure function of its arguments; the first n of a longer list are the list of n.
 * @returns `count` architectures, no two of them the same subnet
 * @throws BadInput where the space does not give so many
 */
export function stratifiedArchitectures(space: Space, count: number, seed: number): Architecture[] {
  const random = randomOf(seed, 'stratified', space.name);
  const n = space.ratios.length;
  const found = new Map<string, Architecture>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 100 + 50 * count) {
      throw new BadInput(`space ${space.name}: expected ${count} different subnets, got ${found.size}; ask for fewer`);
    }
    const level = 1 + (found.size % n);
    const code = (): number => Math.min(n, Math.max(1, level - 1 + random.integer(3)));
    const depths = space.stages.map((stage) => random.pick(depthsOf(stage)));
    const architecture = assemble(code(), depths, code, code);
    // Different codes may round to the same widths: those are one network.
    const key = JSON.stringify(subnetOf(space, architecture));
    if (!found.has(key)) found.set(key, architecture);
  }
  return [...found.values()];
}

/** A resolution to train at, uniform over the space's. */
export function randomResolution(space: Space, random: Random): number {
  return random.pick(space.resolutions);
}

/** The arch codes of architectures, in their order. */
export function archCodes(space: Space, architectures: readonly Architecture[]): string[] {
  return architectures.map((architecture) => formatArchCode(space, architecture));
}

function uniformArchitecture(space: Space, code: number, depth: (stage: Stage) => number): Architecture {
  const constant = (): number => code;
  return assemble(code, space.stages.map(depth), constant, constant);
}

function assemble(
  stem: number,
  depths: readonly number[],
  outOf: (stage: number) => number,
  midOf: (stage: number, block: number) => number,
): Architecture {
  const stages = depths.map((depth, stage) => {
    const out = stage === 0 ? stem : outOf(stage);
    return Array.from({ length: depth }, (_, block) => ({ mid: midOf(stage, block), out }));
  });
  return { stem, stages };
}

function depthsOf({ depth: [low, high] }: Stage): number[] {
  return Array.from({ length: high - low + 1 }, (_, index) => low + index);
}
