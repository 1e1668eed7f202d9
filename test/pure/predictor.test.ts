import { describe, expect, test } from 'vitest';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { chooseSubnets, featuresOf, fitPredictor, predictAll } from '../../nas/evaluation/predictor/predictor.ts';
import type { Observation, Predictor } from '../../nas/evaluation/predictor/predictor.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { parameterCount } from '../../nas/space/cost.ts';
import { randomOf } from '../../nas/space/random.ts';
import { depthOf, subnetOf } from '../../nas/space/space.ts';
import type { Subnet } from '../../nas/space/space.ts';
import { isLong } from '../support/long.ts';
import { committedSpace, competitionCodes } from '../support/spaces.ts';

const space = committedSpace('imagenet');
const subnets = competitionCodes()
  .slice(0, 2000)
  .map((code) => subnetOf(space, parseArchCode(space, code)));

/** What a supernet could find: size counts, one depth is liked, and stage 4 should be wide if it is deep. */
function truth(subnet: Subnet): number {
  const last = subnet.stages[3]!;
  const liked = subnet.stages[2]!.length === 5 ? 0.4 : 0;
  return (
    60 +
    3 * Math.log(parameterCount(space, subnet, 0) / 1e7) +
    liked +
    (last.length - 3.5) * (last[0]!.out - 436) * 2e-3
  );
}

function observed(positions: readonly number[], score = (at: number): number => truth(subnets[at]!)): Observation[] {
  return positions.map((at) => ({ subnet: subnets[at]!, score: score(at) }));
}

function heldOut(positions: readonly number[]): number[] {
  const known = new Set(positions);
  return [...subnets.keys()].filter((at) => !known.has(at));
}

/** Tau of the predictions for some subnets with their scores. */
function agreement(predictor: Predictor, positions: readonly number[], scores: readonly number[]): number {
  const some = positions.map((at) => subnets[at]!);
  return kendallTau(predictAll(predictor, some), scores);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

describe('the predictor', () => {
  test('recovers a truth that is linear in its features', () => {
    const chosen = chooseSubnets(space, subnets, 400, 0);
    const predictor = fitPredictor(space, observed(chosen), { seed: 0 });
    const rest = heldOut(chosen).map((at) => subnets[at]!);
    const errors = predictAll(predictor, rest).map((value, index) => Math.abs(value - truth(rest[index]!)));
    expect(Math.max(...errors)).toBeLessThan(0.01);
    expect(predictor.leaveOut.rmse.estimate).toBeLessThan(0.01);
    expect(predictor.leaveOut.tau.low).toBeGreaterThan(0.98);
  });

  test('smooths noise away: it agrees better with the truth than the noisy scores do', () => {
    const random = randomOf(3, 'noise');
    const noisy = subnets.map((subnet) => truth(subnet) + 0.8 * random.normal());
    const all = [...subnets.keys()];
    const truths = subnets.map(truth);
    const predictor = fitPredictor(
      space,
      observed(all, (at) => noisy[at]!),
      { seed: 0 },
    );
    const smoothed = agreement(predictor, all, truths);
    expect(smoothed).toBeGreaterThan(kendallTau(noisy, truths) + 0.2);
  });

  test('says of itself, by leaving out, what it then does on subnets it has not seen', () => {
    const differences = Array.from({ length: isLong ? 4 : 3 }, (_, seed) => {
      const random = randomOf(seed, 'noise');
      const noisy = subnets.map((subnet) => truth(subnet) + random.normal());
      const chosen = chooseSubnets(space, subnets, 200, seed);
      const predictor = fitPredictor(
        space,
        observed(chosen, (at) => noisy[at]!),
        { seed },
      );
      const rest = heldOut(chosen);
      return (
        predictor.leaveOut.tau.estimate -
        agreement(
          predictor,
          rest,
          rest.map((at) => noisy[at]!),
        )
      );
    });
    expect(Math.abs(mean(differences))).toBeLessThan(0.05);
  });

  test('claims nothing where scores have nothing to do with the subnets', () => {
    const taus = Array.from({ length: isLong ? 6 : 4 }, (_, seed) => {
      const random = randomOf(seed, 'shuffled');
      const chosen = chooseSubnets(space, subnets, 100, seed);
      return fitPredictor(
        space,
        observed(chosen, () => random.normal()),
        { seed },
      ).leaveOut.tau.estimate;
    });
    expect(Math.abs(mean(taus))).toBeLessThan(0.06);
    expect(Math.max(...taus.map(Math.abs))).toBeLessThan(0.3);
  });

  test('is a pure function of scores and seed', () => {
    const observations = observed(chooseSubnets(space, subnets, 60, 2));
    const [first, second] = [0, 0].map((seed) => fitPredictor(space, observations, { seed }));
    expect(second!.leaveOut).toEqual(first!.leaveOut);
    expect(predictAll(second!, subnets.slice(0, 50))).toEqual(predictAll(first!, subnets.slice(0, 50)));
  });

  test('gives the one score it knows where all scores are equal, and no correlation', () => {
    const predictor = fitPredictor(
      space,
      observed([...Array(30).keys()], () => 70),
      { seed: 0 },
    );
    expect(predictor.predict(subnets[99]!)).toBeCloseTo(70, 9);
    expect(predictor.leaveOut.tau.estimate).toBeNaN();
  });

  test('refuses too few scores and scores that are no numbers', () => {
    expect(() => fitPredictor(space, observed([1, 2, 3]), { seed: 0 })).toThrow(
      'predictor: expected at least 20 scores, got 3; evaluate more subnets',
    );
    expect(() =>
      fitPredictor(
        space,
        observed([...Array(30).keys()], () => NaN),
        { seed: 0 },
      ),
    ).toThrow('expected finite scores, got NaN');
  });

  test('has as many features of every subnet as weights, in a small space too', () => {
    for (const some of [space, committedSpace('fashion')]) {
      const features = featuresOf(some);
      for (const { subnet } of sampledSubnets(some, { count: 20, seed: 1, way: 'random' })) {
        const values = features.of(subnet);
        expect(values.length).toBe(features.count);
        expect(values.every(Number.isFinite)).toBe(true);
      }
      expect(features.weights.length).toBe(features.count);
    }
  });
});

describe('a budget', () => {
  test('is spent over depth, and within a depth over size, as the list is', () => {
    const chosen = chooseSubnets(space, subnets, 200, 5);
    expect(new Set(chosen).size).toBe(200);
    const share = (positions: readonly number[], depth: number): number =>
      positions.filter((at) => depthOf(subnets[at]!) === depth).length / positions.length;
    const depths = new Set(subnets.map(depthOf));
    for (const depth of depths) {
      expect(Math.abs(share(chosen, depth) - share([...subnets.keys()], depth))).toBeLessThan(2 / 200);
    }
    // Of every hundred neighbours in size, at one depth, about ten are chosen.
    const sizes = [...subnets.keys()]
      .filter((at) => depthOf(subnets[at]!) === 14)
      .toSorted((a, b) => parameterCount(space, subnets[a]!, 0) - parameterCount(space, subnets[b]!, 0));
    for (let from = 0; from + 100 <= sizes.length; from += 100) {
      const hits = sizes.slice(from, from + 100).filter((at) => chosen.includes(at)).length;
      expect(hits).toBeGreaterThanOrEqual(8);
      expect(hits).toBeLessThanOrEqual(12);
    }
  });

  test('buys the same subnets for the same seed and others for another', () => {
    expect(chooseSubnets(space, subnets, 50, 1)).toEqual(chooseSubnets(space, subnets, 50, 1));
    expect(chooseSubnets(space, subnets, 50, 1)).not.toEqual(chooseSubnets(space, subnets, 50, 2));
  });

  test('as large as the list buys all of it; none is refused', () => {
    expect(chooseSubnets(space, subnets.slice(0, 30), 40, 0)).toEqual([...Array(30).keys()]);
    expect(() => chooseSubnets(space, subnets, 0, 0)).toThrow('budget: expected a positive integer, got 0');
  });
});
