import { describe, expect, test } from 'vitest';
import {
  bootstrapInterval,
  compareRankings,
  groupsOf,
  noiseCeiling,
  reliability,
} from '../../nas/evaluation/agreement.ts';
import { baselines } from '../../nas/evaluation/baselines.ts';
import { kendallTau, pearson, standardised } from '../../nas/evaluation/correlation.ts';
import { macs, parameterCount } from '../../nas/space/cost.ts';
import { randomOf } from '../../nas/space/random.ts';
import { depthOf } from '../../nas/space/space.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { plainMean, plainResamples, plainTau } from '../support/plain-statistics.ts';
import { committedSpace, configText } from '../support/spaces.ts';

const random = randomOf(1, 'test');
const normals = (n: number): number[] => Array.from({ length: n }, () => random.normal());
const noisy = (values: readonly number[], noise: number): number[] =>
  values.map((value) => value + noise * random.normal());

const width = ({ low, high }: { low: number; high: number }): number => high - low;

describe('a bootstrap interval', () => {
  const truth = normals(60);
  const scores = noisy(truth, 1);

  test('is a function of its arguments', () => {
    const once = bootstrapInterval(kendallTau, truth, scores, { seed: 3, samples: 300 });
    expect(bootstrapInterval(kendallTau, truth, scores, { seed: 3, samples: 300 })).toEqual(once);
    expect(bootstrapInterval(kendallTau, truth, scores, { seed: 4, samples: 300 })).not.toEqual(once);
    expect(once.estimate).toBe(kendallTau(truth, scores));
    expect(once.low).toBeLessThan(once.estimate);
    expect(once.high).toBeGreaterThan(once.estimate);
  });

  test('is wider at a higher level and narrower with more subnets', () => {
    const at = (level: number): number =>
      width(bootstrapInterval(pearson, truth, scores, { seed: 1, samples: 500, level }));
    expect(at(0.99)).toBeGreaterThan(at(0.8));
    const many = normals(600);
    expect(width(bootstrapInterval(pearson, many, noisy(many, 1), { seed: 1, samples: 300 }))).toBeLessThan(
      at(0.95) / 2,
    );
  });

  test('holds the true correlation about as often as its level says', () => {
    const held = Array.from({ length: 100 }, (_, seed) => {
      const a = normals(50);
      const { low, high } = bootstrapInterval(pearson, a, noisy(a, 1), { seed, samples: 200, level: 0.9 });
      return low <= Math.SQRT1_2 && Math.SQRT1_2 <= high;
    }).filter(Boolean).length;
    expect(held).toBeGreaterThan(75);
    expect(held).toBeLessThan(99);
  });

  test('of a constant list is NaN throughout', () => {
    const interval = bootstrapInterval(kendallTau, [1, 1, 1], [1, 2, 3], { seed: 1, samples: 20 });
    expect([interval.estimate, interval.low, interval.high]).toEqual([NaN, NaN, NaN]);
  });
});

describe('agreement within bands', () => {
  const labels = Array.from({ length: 60 }, (_, at) => (at % 10 === 9 ? null : `band ${at % 3}`));
  const bands = groupsOf(labels);
  const middles = labels.map((label) => (label === null ? 1000 : 10 * Number(label.at(-1))));
  // Between bands the scores are the wrong way round; inside they follow the truth.
  const own = normals(60);
  const truth = own.map((value, at) => middles[at]! + value);
  const scores = noisy(own, 0.5).map((value, at) => value - middles[at]!);

  test('is that of the subnets of each band among themselves, and leaves out who belongs to none', () => {
    expect(bands.map((band) => band.length)).toEqual([18, 18, 18]);
    const { estimate, low } = bootstrapInterval(kendallTau, truth, scores, { seed: 1, samples: 200, groups: bands });
    const each = bands.map((band) =>
      kendallTau(
        band.map((at) => truth[at]!),
        band.map((at) => scores[at]!),
      ),
    );
    expect(estimate).toBeCloseTo(plainMean(each), 12);
    expect(low).toBeGreaterThan(0.3);
    expect(kendallTau(truth, scores)).toBeLessThan(-0.3);
  });

  test.each([bands, bands.slice(0, 1)])('has the interval of resamples drawn within each band', (...groups) => {
    const options = { seed: 5, samples: 101, level: 0.9 };
    const plain = plainResamples(plainTau, truth, scores, groups, options);
    const found = bootstrapInterval(kendallTau, truth, scores, { ...options, groups });
    expect(found.low).toBeCloseTo(plain[5]!, 12);
    expect(found.high).toBeCloseTo(plain[95]!, 12);
    const deviation = Math.sqrt(plain.reduce((sum, x) => sum + (x - plainMean(plain)) ** 2, 0) / (plain.length - 1));
    expect(found.standardError).toBeCloseTo(deviation, 12);
  });

  test('of one band with everybody in it is agreement overall', () => {
    const options = { seed: 2, samples: 50 };
    const groups = groupsOf(labels.map(() => 'all'));
    expect(bootstrapInterval(pearson, truth, scores, { ...options, groups })).toEqual(
      bootstrapInterval(pearson, truth, scores, options),
    );
  });

  test('is not defined where a band has none, and a resample without it does not count', () => {
    const groups = [[0, 1, 2], [3]];
    expect(bootstrapInterval(kendallTau, truth, scores, { seed: 1, samples: 20, groups }).estimate).toBeNaN();
    const tied = [1, 1, 2, 2, 2, 3];
    const pairs = groupsOf(['a', 'a', 'a', 'b', 'b', 'b']);
    const options = { seed: 1, samples: 301, level: 0.9 };
    const plain = plainResamples(plainTau, tied, tied, pairs, options);
    expect(plain.length).toBeGreaterThan(50);
    expect(plain.length).toBeLessThan(250);
    expect(bootstrapInterval(kendallTau, tied, tied, { ...options, groups: pairs })).toMatchObject({ low: 1, high: 1 });
  });

  test('compares two rankings within bands too', () => {
    const bySize = middles;
    const overall = compareRankings(kendallTau, truth, scores, bySize, { seed: 1, samples: 200 });
    expect(overall.high).toBeLessThan(0);
    const distinct = truth.map((value, at) => middles[at]! + noisy([value], 5)[0]!);
    const inside = compareRankings(kendallTau, truth, scores, distinct, { seed: 1, samples: 200, groups: bands });
    expect(inside.low).toBeGreaterThan(0);
  });

  test('of lists of different lengths is refused', () => {
    expect(() => bootstrapInterval(kendallTau, truth, [1, 2], { seed: 1 })).toThrow(
      'expected two lists of one length, got 60 and 2',
    );
    expect(() => compareRankings(kendallTau, truth, scores, [1], { seed: 1 })).toThrow('got 60 and 1');
  });
});

describe('comparing two rankings', () => {
  test('sees a small difference that two separate intervals hide', () => {
    const truth = normals(100);
    const first = noisy(truth, 1);
    const second = noisy(first, 0.7);
    const { estimate, low, notBetter } = compareRankings(kendallTau, truth, first, second, { seed: 1, samples: 500 });
    expect(estimate).toBe(kendallTau(truth, first) - kendallTau(truth, second));
    expect(low).toBeGreaterThan(0);
    expect(notBetter).toBeLessThan(0.025);
    const apart = [first, second].map((scores) =>
      bootstrapInterval(kendallTau, truth, scores, { seed: 1, samples: 500 }),
    );
    expect(apart[1]!.high).toBeGreaterThan(apart[0]!.low);
  });

  test('of a ranking with itself finds nothing', () => {
    const truth = normals(30);
    expect(compareRankings(kendallTau, truth, truth, truth, { seed: 1, samples: 50 })).toMatchObject({
      estimate: 0,
      low: 0,
      high: 0,
      notBetter: 1,
    });
  });
});

describe('the noise ceiling', () => {
  test.each([
    [0.8, 0.705, 0.894],
    [0.85, 0.742, 0.922],
    [0.9, 0.795, 0.949],
    [0.95, 0.856, 0.975],
  ])('of labels with reliability %f', (r, tau, correlation) => {
    expect(noiseCeiling(r).kendallTau).toBeCloseTo(tau, 2);
    expect(noiseCeiling(r).pearson).toBeCloseTo(correlation, 2);
  });

  test('is what a perfect ranking reaches against labels with that noise', () => {
    const truth = normals(4000);
    const seeds = [0, 1, 2].map(() => noisy(truth, 0.8));
    const runs = truth.map((_, index) => seeds.map((values) => values[index]!));
    const mean = runs.map(plainMean);
    const ceiling = noiseCeiling(reliability(runs));
    expect(reliability(runs)).toBeCloseTo(1 / (1 + 0.64 / 3), 1);
    expect(Math.abs(kendallTau(truth, mean) - ceiling.kendallTau)).toBeLessThan(0.02);
    expect(Math.abs(pearson(truth, mean) - ceiling.pearson)).toBeLessThan(0.02);
  });

  test('of subnets with different numbers of runs is the share of the variance of their means that is not noise', () => {
    const truth = normals(4000);
    const seeds = [0, 1, 2, 3, 4, 5].map(() => noisy(truth, 0.8));
    const runs = truth.map((_, index) => seeds.slice(index % 2 === 0 ? 0 : 4).map((values) => values[index]!));
    // Half of them have six runs, half have two: noise of 0.64 / 6 and of 0.64 / 2.
    expect(reliability(runs)).toBeCloseTo(1 / (1 + (0.64 / 6 + 0.64 / 2) / 2), 1);
    expect(reliability(runs.map((own) => own.slice(0, 2)))).toBeCloseTo(1 / (1 + 0.64 / 2), 1);
  });

  test('needs two runs of every subnet, and takes pure noise as reliability 0', () => {
    expect(() => reliability([[1, 2, 3], [1]])).toThrow('expected at least two runs of every subnet, got 1');
    expect(noiseCeiling(-0.1)).toEqual({ kendallTau: 0, pearson: 0 });
  });
});

describe('the baselines on the 30 subnets of the competition', () => {
  const space = committedSpace('imagenet');
  const list = parseSubnetList(space, configText('ground-truth/cvpr2022-track1.json'), 'x');
  const truth = list.map(({ accuracy }) => accuracy!);
  const scores = baselines(
    space,
    list.map(({ subnet }) => subnet),
    { classes: 1000, resolution: 224 },
  );

  test('are sizes with the classifier in them, and the sum of both in units of their spread', () => {
    const [first] = list;
    expect(scores['log parameters'][0]).toBe(Math.log(parameterCount(space, first!.subnet, 1000)));
    expect(scores['log MACs'][0]).toBe(Math.log(macs(space, first!.subnet, 224, 1000)));
    expect(scores.depth[0]).toBe(depthOf(first!.subnet));
    const [sizes, depths] = [standardised(scores['log parameters']), standardised(scores.depth)];
    expect(scores['log parameters and depth'][7]).toBe(sizes[7]! + depths[7]!);
  });

  test('agree with the truth as was measured', () => {
    expect(
      Object.fromEntries(
        Object.entries(scores).map(([name, values]) => [
          name,
          [kendallTau(truth, values).toFixed(3), pearson(truth, values).toFixed(3)],
        ]),
      ),
    ).toEqual({
      'log parameters': ['0.614', '0.854'],
      'log MACs': ['0.591', '0.833'],
      depth: ['0.638', '0.831'],
      'log parameters and depth': ['0.715', '0.919'],
    });
  });
});
