import { estimator, summed } from './estimate.ts';
import type { Estimate } from './estimate.ts';
import type { EvaluateSubnetsConfig } from '../config.ts';
import { chooseSubnets } from '../predictor/predictor.ts';
import type { Subnet } from '../../space/space.ts';
import type { Score } from '../score.ts';

// Which subnets of a part are tested on which images, where not every subnet is tested on all of them:
//
// 1. All subnets are tested on the first images, which are balanced over the classes.
// 2. Pilots are tested on the rest too. From them it is known what a score on the first images means for all of them, and how
//    far that may be off.
// 3. Those that may be among the best are tested on the rest: their scores are then what they would be without a race.
//
// It follows from the config and the scores so far, so that a killed part goes on where it was.

/** Standard errors by which a subnet may look worse than the best and still be among them. */
const CAUTION = 3;

// Of one part always the same.
const SEED = 0;

/** Subnets stand for their positions in the part of the set, images for theirs in the part of the data set. */
export interface Race {
  readonly subnets: number;
  readonly images: number;
  /** Null: one heat, all subnets on all images, as where a part has no more subnets than pilots. */
  readonly rules: { readonly pilots: readonly number[]; readonly share: number; readonly top: number } | null;
}

/** Subnets that are tested on the same images. */
export interface Heat {
  readonly subnets: readonly number[];
  /** Ascending; absent: all. */
  readonly images?: Int32Array;
}

export function raceOf(
  { space, racing }: Pick<EvaluateSubnetsConfig, 'space' | 'racing'>,
  subnets: readonly Subnet[],
  images: number,
): Race {
  const isRaced = racing !== undefined && racing.pilots < subnets.length;
  const rules = isRaced ? { ...racing, pilots: chooseSubnets(space, subnets, racing.pilots, SEED) } : null;
  return { subnets: subnets.length, images, rules };
}

/** What is left of the first heat that is not over; null where all are. `scores`: of all heats, one behind the other. */
export function nextHeat(race: Race, scores: readonly Score[]): Heat | null {
  let from = 0;
  for (const heat of heatsSoFar(race, scores)) {
    const over = scores.length - from;
    if (over < heat.subnets.length) return { ...heat, subnets: heat.subnets.slice(over) };
    from += heat.subnets.length;
  }
  return null;
}

/** How many scores a race takes in all, as far as it is known: who is in the last heat is not, before the second is over. */
export function scoresInAll(race: Race, scores: readonly Score[]): number {
  const heats = heatsSoFar(race, scores);
  const known = heats.reduce((sum, { subnets }) => sum + subnets.length, 0);
  if (race.rules === null || heats.length === 3) return known;
  return known + Math.min(race.rules.top, race.subnets - race.rules.pilots.length);
}

/** The heats that are known; the last one is once the others are over. */
function heatsSoFar(race: Race, scores: readonly Score[]): Heat[] {
  const { subnets, images, rules } = race;
  const all = [...Array(subnets).keys()];
  if (rules === null) return [{ subnets: all }];
  const { pilots, share, top } = rules;
  const every = Int32Array.from({ length: images }, (_, image) => image);
  const rest = every.subarray(Math.ceil(share * images));
  const heats = [
    { subnets: all, images: every.subarray(0, Math.ceil(share * images)) },
    { subnets: pilots, images: rest },
  ];
  const behind = subnets + pilots.length;
  if (scores.length < behind) return heats;
  return [...heats, { subnets: unsure(estimatesOf(race, scores.slice(0, behind)), pilots, top), images: rest }];
}

/** By position in the part, of the scores of the first two heats. */
function estimatesOf({ subnets, rules }: Race, scores: readonly Score[]): Estimate[] {
  const wholes = new Map(
    rules!.pilots.map((subnet, at) => [subnet, summed(scores[subnet]!, scores[subnets + at]!)] as const),
  );
  const estimate = estimator([...wholes].map(([subnet, whole]) => ({ whole, partial: scores[subnet]! })));
  return scores.slice(0, subnets).map((score, subnet) => {
    const whole = wholes.get(subnet);
    return whole ? { ...whole, tested: whole.images, error: 0 } : estimate(score);
  });
}

/** Those that are no pilots and may be among the best `top`. */
function unsure(estimates: readonly Estimate[], pilots: readonly number[], top: number): number[] {
  const shares = estimates.map(({ top1, images }) => top1 / images);
  const border = shares.toSorted((a, b) => b - a)[Math.min(top, shares.length) - 1]!;
  const isPilot = new Set(pilots);
  return [...shares.keys()].filter(
    (subnet) => !isPilot.has(subnet) && shares[subnet]! + CAUTION * estimates[subnet]!.error >= border,
  );
}

/** The scores of the subnets of a race that is over, by their position in the part. */
export function resultsOf(race: Race, scores: readonly Score[]): (Score | Estimate)[] {
  if (race.rules === null) return [...scores];
  const behind = race.subnets + race.rules.pilots.length;
  const results = estimatesOf(race, scores.slice(0, behind));
  for (const [at, subnet] of heatsSoFar(race, scores)[2]!.subnets.entries()) {
    const whole = summed(scores[subnet]!, scores[behind + at]!);
    results[subnet] = { ...whole, tested: whole.images, error: 0 };
  }
  return results;
}
