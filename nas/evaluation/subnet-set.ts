import { BadInput } from '../../plan/endings.ts';
import type { EvaluateSubnetsConfig, SubnetSource } from './config.ts';
import { evaluatedPositions } from './predictor/predictor.ts';
import { projectFile } from '../process/stage-io.ts';
import { formatArchCode } from '../space/arch-code.ts';
import { cutInOrder, cutTree, prefixTree, walkOrder } from '../space/prefix-tree.ts';
import { randomOf } from '../space/random.ts';
import { randomArchitecture, stratifiedArchitectures } from '../space/sampling.ts';
import { subnetOf } from '../space/space.ts';
import type { Architecture, Space, Subnet } from '../space/space.ts';
import { parseSubnetList } from '../space/subnet-list.ts';

// The subnets that are to be ranked, and which part of the work each of them falls into. Pure but for the reading of a list.

/** A subnet under the name that result files give it. */
export interface NamedSubnet {
  /** `arch17` */
  readonly id: string;
  readonly code: string;
  readonly subnet: Subnet;
}

/** Reads the list that the config names, or draws the sample; throws BadInput or SubnetListError where that is impossible. */
export async function readSubnets(space: Space, source: SubnetSource): Promise<readonly NamedSubnet[]> {
  if ('sample' in source) return sampledSubnets(space, source.sample);
  return parseSubnetList(space, await projectFile(source), source.file);
}

/**
 * Different subnets drawn from the space, `arch1` the first: a pure function of its arguments.
 * @throws BadInput where the space does not give so many
 */
export function sampledSubnets(
  space: Space,
  { count, seed, way }: { readonly count: number; readonly seed: number; readonly way: 'stratified' | 'random' },
): NamedSubnet[] {
  const drawn = way === 'stratified' ? stratifiedArchitectures(space, count, seed) : different(space, count, seed);
  return drawn.map((architecture, index) => ({
    id: `arch${index + 1}`,
    code: formatArchCode(space, architecture),
    subnet: subnetOf(space, architecture),
  }));
}

/** As many as a run can rank in one set. */
const LARGEST_SAMPLE = 50_000;

/** What is wrong with the subnets that a config names, by its keys; `listed` are those of the file where it names one. */
export function wrongSubnets(
  { space, parts, subnets }: EvaluateSubnetsConfig,
  listed: readonly unknown[],
): { readonly key: 'parts' | 'subnets'; readonly message: string }[] {
  if (!('sample' in subnets)) {
    if (parts <= listed.length || listed.length === 0) return [];
    const message = `expected at most as many parts as subnets (${listed.length}), got ${parts}; lower parts`;
    return [{ key: 'parts', message }];
  }
  const { count } = subnets.sample;
  if (count > LARGEST_SAMPLE) {
    return [{ key: 'subnets', message: `expected a sample of at most ${LARGEST_SAMPLE}, got ${count}; lower count` }];
  }
  try {
    sampledSubnets(space, subnets.sample);
    return [];
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    const message = `expected fewer different subnets than the space ${space.name} has, got ${count}; lower count`;
    return [{ key: 'subnets', message }];
  }
}

/**
 * The subnets that each part evaluates: every one of the set in exactly one, or those alone that the budget buys.
 * @returns positions in the set by part, in the order of a walk
 * @throws BadInput for more parts than subnets
 */
export function shareOut(
  config: Pick<EvaluateSubnetsConfig, 'space' | 'supernet' | 'cut' | 'parts' | 'budget'>,
  subnets: readonly Subnet[],
): number[][] {
  const evaluated = evaluatedPositions(config.space, subnets, config.budget);
  const cut = cutSet(
    config,
    evaluated.map((position) => subnets[position]!),
  );
  return cut.map((part) => part.map((index) => evaluated[index]!));
}

/**
 * Cuts the set into parts and puts each part in the order of a walk, so that a chunk of it shares as much as possible.
 * @returns positions of the subnets by part; every subnet in exactly one
 * @throws BadInput for more parts than subnets
 */
export function cutSet(
  { space, supernet, cut, parts }: Pick<EvaluateSubnetsConfig, 'space' | 'supernet' | 'cut' | 'parts'>,
  subnets: readonly Subnet[],
): number[][] {
  if (parts > subnets.length) {
    throw new BadInput(
      `with.parts: expected at most as many as there are subnets (${subnets.length}), got ${parts}; lower parts`,
    );
  }
  if (cut === 'tree') return cutTree(prefixTree(space, subnets, supernet.groups), parts, space.resolutions.at(-1)!);
  return cutInOrder(subnets.length, parts).map((part) => {
    const tree = prefixTree(
      space,
      part.map((position) => subnets[position]!),
      supernet.groups,
    );
    return walkOrder(tree).map((index) => part[index]!);
  });
}

function different(space: Space, count: number, seed: number): Architecture[] {
  const random = randomOf(seed, 'subnets to rank', space.name);
  const found = new Map<string, Architecture>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 100 + 50 * count) {
      throw new BadInput(`space ${space.name}: expected ${count} different subnets, got ${found.size}; ask for fewer`);
    }
    const architecture = randomArchitecture(space, random);
    // Different codes may round to the same widths: those are one network.
    const key = JSON.stringify(subnetOf(space, architecture));
    if (!found.has(key)) found.set(key, architecture);
  }
  return [...found.values()];
}
