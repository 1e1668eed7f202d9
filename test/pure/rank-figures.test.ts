import { describe, expect, test } from 'vitest';
import { bootstrapInterval } from '../../nas/evaluation/agreement.ts';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { counted } from '../../nas/evaluation/ground-truth.ts';
import type { GroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { topRegret } from '../../nas/evaluation/regret.ts';
import { mixes } from '../../nas/evaluation/size-mix.ts';
import { randomOf } from '../../nas/space/random.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { baselineFigures, ceilingOf, supernetFigures } from '../../report/figures.ts';
import { plainMean, plainTau } from '../support/plain-statistics.ts';
import { committedSpace, configText } from '../support/spaces.ts';

const random = randomOf(2, 'figures');

describe('the regret of a ranking', () => {
  test('is what its best tenth lacks of the true one', () => {
    const accuracies = Array.from({ length: 20 }, (_, at) => 70 + at);
    expect(topRegret(accuracies, accuracies)).toBe(0);
    const worst = accuracies.map((value) => -value);
    expect(topRegret(accuracies, worst)).toBe(88.5 - 70.5);
  });

  test('of scores that tie at the border is the mean over every choice among them', () => {
    const accuracies = [5, 1, 2, 9, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3];
    const scores = accuracies.map((_, at) => (at === 0 ? 7 : at < 4 ? 6 : 1));
    // The best two: the first, and any of the three that tie behind it.
    const choices = [1, 2, 3].map((other) => plainMean([accuracies[0]!, accuracies[other]!]));
    expect(topRegret(accuracies, scores)).toBeCloseTo(plainMean([9, 5]) - plainMean(choices), 12);
    // Two places of three for those that tie: the first of thirty is sure.
    const thirty = [...accuracies, ...Array.from({ length: 10 }, () => 3)];
    const three = [...scores, ...Array.from({ length: 10 }, () => 1)];
    const pairs = [2, 9, 1].map((left) => plainMean([5, (1 + 2 + 9 - left) / 2, (1 + 2 + 9 - left) / 2]));
    expect(topRegret(thirty, three)).toBeCloseTo(plainMean([9, 5, 3]) - plainMean(pairs), 12);
  });
});

describe('an interval over subnets and seeds', () => {
  const truth = Array.from({ length: 40 }, () => random.normal());
  const scores = truth.map((value) => value + 0.5 * random.normal());
  /** Three of every subnet, of each second one five. */
  const runsOf = (noise: number): number[][] =>
    truth.map((value, at) => Array.from({ length: at % 2 === 0 ? 3 : 5 }, () => value + noise * random.normal()));

  test('is that of resamples which draw both, moved back by what drawing seeds takes away', () => {
    const runs = runsOf(0.6);
    const means = runs.map(plainMean);
    const options = { seed: 4, samples: 201, level: 0.9 };
    const draw = randomOf(4, 'bootstrap');
    const plain = Array.from({ length: 201 }, () => {
      const positions = truth.map(() => draw.integer(truth.length));
      const drawn = positions.map((at) => plainMean(runs[at]!.map((_, __, own) => own[draw.integer(own.length)]!)));
      return plainTau(
        drawn,
        positions.map((at) => scores[at]!),
      );
    }).toSorted((a, b) => a - b);
    const shift = plainTau(means, scores) - plainMean(plain);
    const found = bootstrapInterval(kendallTau, means, scores, { ...options, runs });
    expect(shift).toBeGreaterThan(0);
    expect(found.low).toBeCloseTo(plain[10]! + shift, 12);
    expect(found.high).toBeCloseTo(plain[190]! + shift, 12);
  });

  test('is wider than that over subnets alone where the labels are noisy', () => {
    const noisy = runsOf(2);
    const means = noisy.map(plainMean);
    const width = (runs: number[][] | null): number => {
      const { low, high } = bootstrapInterval(kendallTau, means, means, { seed: 1, samples: 300, runs });
      return high - low;
    };
    expect(width(null)).toBe(0);
    expect(width(noisy)).toBeGreaterThan(0.1);
  });
});

const space = committedSpace('fashion');
const listed = parseSubnetList(space, configText('subnets/fashion-bench-bands.txt'), 'bands').slice(0, 56);
const subnets = listed.map(({ subnet }) => subnet);
const bands = listed.map((_, at) => (at < 28 ? 'small' : 'large'));
/** What no size tells, and a gap between the bands that any size tells. */
const hidden = listed.map(() => random.normal());
const accuracies = Float64Array.from(hidden, (value, at) => (at < 28 ? 70 : 80) + value);
const runs = Array.from(accuracies, (value) => [0, 1, 2].map(() => value + 0.3 * random.normal()));
const truth: GroundTruth = {
  names: listed.map(({ id }) => id),
  subnets,
  accuracies: Float64Array.from(runs, plainMean),
  runs,
  bands,
  heldOut: listed.map(() => false),
};

test('inside bands a supernet that knows more than size stands out, which overall it does not', () => {
  const untrained = baselineFigures(space, counted(truth, [...subnets.keys()]), 10);
  const names = untrained.map(({ figures }) => figures.name);
  expect(names).toEqual(expect.arrayContaining([mixes.bands, mixes.subnets]));
  const { tau, overBaseline, inside } = supernetFigures(truth, hidden, untrained, 1);
  expect(overBaseline.estimate).toBeLessThan(0.1);
  expect(inside!.tau.estimate).toBeGreaterThan(tau.estimate + 0.2);
  expect(inside!.overBaseline.low).toBeGreaterThan(0.2);
  const each = [0, 28].map((from) =>
    plainTau(Array.from(truth.accuracies.slice(from, from + 28)), hidden.slice(from, from + 28)),
  );
  expect(inside!.tau.estimate).toBeCloseTo(plainMean(each), 12);
});

test('the ceiling inside bands is lower than overall, for what sets the bands apart is no merit there', () => {
  const { reliability, inside } = ceilingOf(truth)!;
  expect(reliability).toBeGreaterThan(0.98);
  expect(inside!.reliability).toBeGreaterThan(0.9);
  expect(inside!.reliability).toBeLessThan(reliability);
  expect(ceilingOf({ ...truth, bands: bands.map(() => null) })!.inside).toBeNull();
  expect(ceilingOf({ ...truth, runs: null })).toBeNull();
});
