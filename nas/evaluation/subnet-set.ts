import type { EvaluateSubnetsConfig, SubnetSource } from './config.ts';
import { evaluatedPositions } from './predictor/predictor.ts';
import { walk, walkCosts } from './walk/prefix-tree.ts';
import type { StepCost } from './walk/prefix-tree.ts';
import { projectFile } from '../process/stage-io.ts';
import { formatArchCode } from '../space/arch-code.ts';
import { randomOf } from '../space/random.ts';
import { randomArchitecture, stratifiedArchitectures } from '../space/sampling.ts';
import { subnetOf } from '../space/space.ts';
import type { Architecture, Space, Subnet } from '../space/space.ts';
import { parseSubnetList } from '../space/subnet-list.ts';
import { BadInput } from '../../plan/endings.ts';

// The subnets that are to be ranked, and which part of the work each of them falls into. Every part works this out by itself,
// from its config alone, so parts need not talk to each other.

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

/** As many as a run can rank in one set. */
const LARGEST_SAMPLE = 50_000;

/** What is wrong with the subnets that a config names, by its keys; `listed` are those of the file where it names one. */
export function wrongSubnets(
  { space, parts, subnets }: Pick<EvaluateSubnetsConfig, 'space' | 'parts' | 'subnets'>,
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

/** What falls to a part, as positions in the set. */
interface Share {
  /** In the order of a walk, so that a chunk of them has as much as possible in common. */
  readonly evaluated: readonly number[];
  /** Those that the budget does not pay for: the part only lists them. */
  readonly listed: readonly number[];
}

type CutConfig = Pick<EvaluateSubnetsConfig, 'space' | 'supernet' | 'cut' | 'parts' | 'budget'>;

/**
 * The subnets of each part: every one of the set in exactly one.
 * @throws BadInput for more parts than subnets
 */
export function shareOut(config: CutConfig, subnets: readonly Subnet[]): Share[] {
  const { parts, budget } = config;
  const evaluated = evaluatedPositions(config.space, subnets, budget);
  const isEvaluated = new Set(evaluated);
  const rest = budget === null ? [] : [...subnets.keys()].filter((position) => !isEvaluated.has(position));
  const listed = cutInOrder(rest.length, parts);
  const some = budget === null ? subnets : evaluated.map((position) => subnets[position]!);
  return cutSet(config, some).map((part, index) => ({
    evaluated: part.map((at) => evaluated[at]!),
    listed: listed[index]!.map((at) => rest[at]!),
  }));
}

/**
 * Cuts the subnets into parts, each in the order of a walk.
 * @returns positions of the subnets by part; every subnet in exactly one
 * @throws BadInput for more parts than subnets
 */
export function cutSet(
  {
    space,
    supernet,
    cut,
    parts,
  }: Omit<CutConfig, 'budget' | 'supernet'> & { readonly supernet: Pick<CutConfig['supernet'], 'groups'> },
  subnets: readonly Subnet[],
): number[][] {
  if (parts > subnets.length) {
    throw new BadInput(
      `with.parts: expected at most as many as there are subnets (${subnets.length}), got ${parts}; lower parts`,
    );
  }
  if (cut === 'tree') return cutByCost(walkCosts(space, subnets, supernet.groups, space.resolutions.at(-1)!), parts);
  return cutInOrder(subnets.length, parts).map((part) => {
    const own = part.map((position) => subnets[position]!);
    return walk(space, own, supernet.groups).map(({ subnet }) => part[subnet]!);
  });
}

/** The original's cut: a list of so many in its own order, in parts whose sizes differ by one at most. */
function cutInOrder(size: number, parts: number): number[][] {
  return Array.from({ length: parts }, (_, part) => {
    const start = Math.floor((size * part) / parts);
    const end = Math.floor((size * (part + 1)) / parts);
    return Array.from({ length: end - start }, (__, index) => start + index);
  });
}

/**
 * Cuts a walk into contiguous parts, so that only the paths at the cuts are computed twice, and the dearest part is as
 * cheap as it can be: by bisection over the most that a part may cost.
 */
function cutByCost(costs: readonly StepCost[], parts: number): number[][] {
  let low = costs.reduce((most, { alone }) => Math.max(most, alone), 0);
  let high = costs.reduce((sum, { added }) => sum + added, 0);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (fill(costs, parts, middle).length <= parts) high = middle;
    else low = middle + 1;
  }
  return fill(costs, parts, high);
}

/** Fills parts one after the other up to a limit, but leaves at least one subnet for each part still to come. */
function fill(costs: readonly StepCost[], parts: number, limit: number): number[][] {
  const cut: number[][] = [];
  let load = Infinity;
  costs.forEach(({ subnet, added, alone }, position) => {
    const partsToCome = parts - cut.length;
    const isLastChance = costs.length - position <= partsToCome;
    if (load + added > limit || isLastChance) {
      cut.push([]);
      load = alone;
    } else {
      load += added;
    }
    cut.at(-1)!.push(subnet);
  });
  return cut;
}
