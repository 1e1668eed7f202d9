import { describe, expect, test } from 'vitest';
import {
  baselines,
  bootstrapInterval,
  compareRankings,
  kendallTau,
  noiseCeiling,
  pearson,
  reliability,
} from '../../nas/evaluation/agreement.ts';
import { randomOf } from '../../nas/space/random.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
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
    const mean = truth.map((_, index) => (seeds[0]![index]! + seeds[1]![index]! + seeds[2]![index]!) / 3);
    const ceiling = noiseCeiling(reliability(seeds));
    expect(reliability(seeds)).toBeCloseTo(1 / (1 + 0.64 / 3), 1);
    expect(Math.abs(kendallTau(truth, mean) - ceiling.kendallTau)).toBeLessThan(0.02);
    expect(Math.abs(pearson(truth, mean) - ceiling.pearson)).toBeLessThan(0.02);
  });

  test('needs two repetitions, and takes pure noise as reliability 0', () => {
    expect(() => reliability([[1, 2, 3]])).toThrow('expected at least two repetitions, got 1');
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

  test('agree with the truth as was measured', () => {
    expect(
      Object.fromEntries(
        Object.entries(scores).map(([name, values]) => [
          name,
          [kendallTau(truth, values).toFixed(3), pearson(truth, values).toFixed(3)],
        ]),
      ),
    ).toMatchInlineSnapshot(`
      {
        "blend": [
          "0.715",
          "0.919",
        ],
        "depth": [
          "0.638",
          "0.831",
        ],
        "logMacs": [
          "0.591",
          "0.833",
        ],
        "logParameters": [
          "0.614",
          "0.854",
        ],
      }
    `);
  });
});
