import type { Limits, SearchSubnetsConfig } from './config.ts';
import { crossed, mutated } from './variation.ts';
import { bestFirst, paretoFront, under } from '../pareto.ts';
import type { Candidate } from '../pareto.ts';
import { FEWEST_OBSERVATIONS, fitPredictor } from '../predictor/predictor.ts';
import { formatArchCode, parseArchCode } from '../../space/arch-code.ts';
import { macs, parameterCount } from '../../space/cost.ts';
import { randomOf } from '../../space/random.ts';
import type { Random } from '../../space/random.ts';
import { minArchitecture, randomArchitecture } from '../../space/sampling.ts';
import { depthOf, subnetOf } from '../../space/space.ts';
import type { Architecture, Space, Subnet } from '../../space/space.ts';
import { BadInput } from '../../../plan/endings.ts';

/** A subnet that a search has met; its score is what the supernet gave it, NaN before. */
export interface Found extends Candidate {
  readonly subnet: Subnet;
}

type Search = Pick<SearchSubnetsConfig, 'space' | 'n_classes' | 'limits' | 'way' | 'population' | 'budget' | 'seed'>;

/** Candidates that the predictor chooses each subnet of a generation from. */
const CANDIDATES = 20;
/** Share of the choices that a mutation draws anew. */
const MUTATION = 0.15;

/**
 * The next generation of a search, none of them met before and all within the limits: drawn at random, or children of the
 * Pareto set so far of which a predictor, fitted on all that were evaluated, expects most. A pure function of its arguments.
 * @param evaluated so far, whole generations, in their order
 * @returns `population` subnets, fewer where the budget ends; none when it is spent
 * @throws BadInput where the space has no more of them
 */
export function nextGeneration(search: Search, evaluated: readonly Found[]): Found[] {
  const { seed, population, budget, way } = search;
  const count = Math.min(population, budget - evaluated.length);
  if (count <= 0) return [];
  const random = randomOf(seed, 'search', evaluated.length);
  const met = new Set(evaluated.map(keyOf));
  const canBreed = way === 'evolution' && evaluated.length >= FEWEST_OBSERVATIONS;
  const made = canBreed
    ? expectedBest(search, evaluated, children(search, evaluated, met, count, random), count)
    : distinct(search, met, { needed: count, wanted: count }, () => drawnWithin(search, random));
  return made.map((one, index) => ({ ...one, id: `arch${evaluated.length + index + 1}`, score: NaN }));
}

function children(
  search: Search,
  evaluated: readonly Found[],
  met: ReadonlySet<string>,
  count: number,
  random: Random,
): Found[] {
  const { space, population } = search;
  const front = paretoFront(evaluated, 'macs');
  const parents = [...front, ...bestFirst(evaluated).slice(0, Math.ceil(population / 2))].map(({ code }) =>
    parseArchCode(space, code),
  );
  return distinct(search, met, { needed: count, wanted: CANDIDATES * count }, (tries) => {
    const [mother, father] = [random.pick(parents), random.pick(parents)];
    // The longer nothing new is found, the further from the parents it is looked for.
    return mutated(space, crossed(mother, father, 0.5, random), Math.min(1, MUTATION * (1 + tries / 50)), random);
  });
}

/** The candidates with the best expectations for what they cost: one Pareto set of the predictions after the other. */
function expectedBest(
  { space, seed }: Search,
  evaluated: readonly Found[],
  candidates: readonly Found[],
  count: number,
): Found[] {
  const observed = evaluated.filter(({ score }) => Number.isFinite(score));
  const { predict } = fitPredictor(space, observed, { seed });
  let left = candidates.map((one) => ({ ...one, score: predict(one.subnet) }));
  const chosen: Found[] = [];
  while (chosen.length < count && left.length > 0) {
    // Of a set that is too large, the best: its cheap end was searched by the sets before.
    const front = paretoFront(left, 'macs').toReversed();
    chosen.push(...front.slice(0, count - chosen.length));
    const taken = new Set(front);
    left = left.filter((one) => !taken.has(one));
  }
  return chosen;
}

/** A random architecture; one that is over the limits is drawn towards the smallest until it is not. */
function drawnWithin({ space, n_classes: classes, limits }: Search, random: Random): Architecture {
  const least = minArchitecture(space);
  let architecture = randomArchitecture(space, random);
  for (let share = 0.1; share < 1 && !isWithin(space, architecture, classes, limits); share += 0.1) {
    architecture = crossed(architecture, least, share, random);
  }
  return architecture;
}

const TRIES = 1000;

/** Different subnets within the limits: as many as are wanted, or as are needed where the space seems to have no more. */
function distinct(
  { space, n_classes: classes, limits }: Search,
  met: ReadonlySet<string>,
  { needed, wanted }: { readonly needed: number; readonly wanted: number },
  make: (tries: number) => Architecture,
): Found[] {
  const found = new Map<string, Found>();
  for (let tries = 0; found.size < wanted && tries < TRIES; tries++) {
    const one = foundOf(space, make(tries), classes);
    const key = keyOf(one);
    if (met.has(key) || found.has(key) || under([one], limits).length === 0) continue;
    found.set(key, one);
    tries = -1;
  }
  if (found.size >= needed) return [...found.values()];
  throw new BadInput(
    `search-subnets: expected ${needed} more subnets within the limits, got ${found.size}; lower with.budget or raise with.limits`,
  );
}

function isWithin(space: Space, architecture: Architecture, classes: number, limits: Limits): boolean {
  return under([foundOf(space, architecture, classes)], limits).length > 0;
}

function foundOf(space: Space, architecture: Architecture, classes: number): Found {
  const subnet = subnetOf(space, architecture);
  return {
    id: '',
    code: formatArchCode(space, architecture),
    subnet,
    depth: depthOf(subnet),
    parameters: parameterCount(space, subnet, classes),
    macs: macs(space, subnet, space.resolutions.at(-1)!, classes),
    score: NaN,
  };
}

// Different codes may round to the same widths: those are one network.
function keyOf({ subnet }: Found): string {
  return JSON.stringify(subnet);
}
