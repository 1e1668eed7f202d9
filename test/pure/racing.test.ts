import { describe, expect, test } from 'vitest';
import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { nextHeat, raceOf, resultsOf, scoresInAll } from '../../nas/evaluation/racing/race.ts';
import type { Heat, Race } from '../../nas/evaluation/racing/race.ts';
import { estimator } from '../../nas/evaluation/racing/estimate.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import { fingerprintOf } from '../../pipelines/fingerprint.ts';
import { randomOf } from '../../nas/space/random.ts';
import { committedSpace } from '../support/spaces.ts';
import type { Score } from '../../nas/evaluation/score.ts';

const IMAGES = 2000;
const space = committedSpace('fashion');
const subnets = sampledSubnets(space, { count: 400, seed: 1, way: 'random' }).map(({ subnet }) => subnet);
const racing = { pilots: 30, share: 0.2, top: 5 };
const race = raceOf({ space, racing }, subnets, IMAGES);
const everyImage = Int32Array.from({ length: IMAGES }, (_, image) => image);

/** Which images each subnet has right: the better the subnet and the easier the image, the likelier (Rasch 1960). */
const answers = ((): Uint8Array[] => {
  const random = randomOf(1, 'answers');
  const easy = Array.from({ length: IMAGES }, () => 2 + 3 * random.normal());
  return subnets.map(() => {
    const able = 0.8 * random.normal();
    const bits = new Uint8Array(Math.ceil(IMAGES / 8));
    for (const [image, ease] of easy.entries()) {
      if (random.uniform() < 1 / (1 + Math.exp(-able - ease))) bits[image >> 3]! |= 1 << (image & 7);
    }
    return bits;
  });
})();

function scoreOf(subnet: number, images: Int32Array): Score {
  const right = answers[subnet]!;
  const top1 = images.filter((image) => isRight(right, image)).length;
  const top5 = images.filter((image) => isRight(right, image) || image % 4 === 0).length;
  return { top1, top5, images: images.length, crossEntropy: 2 - top1 / images.length };
}

/** Runs a race in steps of so many subnets; its heats as they were given. */
function run(of: Race, chunk = Infinity, scores: Score[] = []): { scores: Score[]; heats: Heat[] } {
  const heats: Heat[] = [];
  for (let heat = nextHeat(of, scores); heat !== null; heat = nextHeat(of, scores)) {
    const { subnets: some, images = everyImage } = heat;
    heats.push(heat);
    scores.push(...some.slice(0, chunk).map((subnet) => scoreOf(subnet, images)));
  }
  return { scores, heats };
}

const whole = subnets.map((_, subnet) => scoreOf(subnet, everyImage));
const { scores, heats } = run(race);
const results = resultsOf(race, scores);

function best(of: readonly Score[], count: number): number[] {
  return [...of.keys()]
    .toSorted((a, b) => of[b]!.top1 / of[b]!.images - of[a]!.top1 / of[a]!.images || a - b)
    .slice(0, count);
}

describe('a race', () => {
  test('has the best as testing all on all images has them, for a third of the images', () => {
    const spent = sum(heats.map(({ subnets: some, images = everyImage }) => some.length * images.length));
    expect(spent / (subnets.length * IMAGES)).toBeLessThan(1 / 3);
    expect(best(results, racing.top)).toEqual(best(whole, racing.top));
    for (const subnet of best(whole, racing.top)) {
      const { top1, top5, images, crossEntropy } = whole[subnet]!;
      expect(results[subnet]).toMatchObject({ top1, top5, images, tested: IMAGES, error: 0 });
      expect(results[subnet]!.crossEntropy).toBeCloseTo(crossEntropy, 9);
    }
  });

  test('states the error that its estimates have', () => {
    const errors = results.flatMap((one, subnet) =>
      'error' in one && one.error > 0 ? [(one.top1 / one.images - whole[subnet]!.top1 / IMAGES) / one.error] : [],
    );
    const square = sum(errors.map((error) => error ** 2)) / errors.length;
    expect(errors.length).toBeGreaterThan(300);
    expect(Math.sqrt(square)).toBeGreaterThan(0.75);
    expect(Math.sqrt(square)).toBeLessThan(1.33);
  });

  test('tests all on the first images, and pilots and those that may be among the best on the rest', () => {
    const [first, pilots, last] = heats;
    expect([...first!.images!]).toEqual([...everyImage.subarray(0, racing.share * IMAGES)]);
    expect([...pilots!.images!]).toEqual([...everyImage.subarray(racing.share * IMAGES)]);
    expect(last!.images).toEqual(pilots!.images);
    expect(pilots!.subnets).toHaveLength(racing.pilots);
    expect(last!.subnets.filter((subnet) => pilots!.subnets.includes(subnet))).toEqual([]);
  });

  test('is gone on with after any score as if it had not been left', () => {
    for (const at of [7, 400, 431]) {
      expect(run(race, 150, scores.slice(0, at)).scores).toEqual(scores);
    }
    expect(nextHeat(race, scores)).toBeNull();
  });

  test('says how many tests it takes, exactly once it is known', () => {
    expect(scoresInAll(race, [])).toBe(30 + 400 + 5);
    expect(scoresInAll(race, scores.slice(0, 430))).toBe(scores.length);
    expect(scoresInAll(race, scores)).toBe(scores.length);
  });

  test('of no more subnets than pilots is none: all are tested on all images', () => {
    const small = raceOf({ space, racing }, subnets.slice(0, 12), IMAGES);
    const ended = run(small);
    expect(resultsOf(small, ended.scores).map(({ top1, images }) => ({ top1, images }))).toEqual(
      whole.slice(0, 12).map(({ top1, images }) => ({ top1, images })),
    );
    expect(ended.scores).toHaveLength(12);
  });

  test('is not run where it is not asked for', () => {
    const plain = raceOf({ space, racing: undefined }, subnets, IMAGES);
    const ended = run(plain, 100);
    expect(ended.heats.map(({ images }) => images)).toEqual([undefined, undefined, undefined, undefined]);
    expect(resultsOf(plain, ended.scores)).toEqual(whole);
  });
});

test('a race counts in the fingerprint of an evaluation, and none is there unless it is written', () => {
  const [none, one, other] = [{}, { racing }, { racing: { ...racing, share: 0.3 } }].map((changes) =>
    fingerprintOf('evaluate-subnets', { subnets: 'some', ...changes }),
  );
  expect(new Set([none, one, other]).size).toBe(3);
  expect(EvaluateSubnetsConfig.shape.racing.parse(undefined)).toBeUndefined();
});

test('an estimate is a straight line of least squares, and errs as pairs do that were left out of it', () => {
  const random = randomOf(2, 'pairs');
  const pairs = Array.from({ length: 25 }, () => {
    const x = 0.5 + 0.1 * random.normal();
    return { partial: scoreWith(x), whole: scoreWith(0.4 + 0.5 * x + 0.01 * random.normal()) };
  });
  /** By the normal equations, from scratch. */
  const line = (some: typeof pairs, x: number): number => {
    const [n, sx, sy] = [
      some.length,
      sum(some.map(({ partial }) => share(partial))),
      sum(some.map(({ whole: y }) => share(y))),
    ];
    const sxx = sum(some.map(({ partial }) => share(partial) ** 2));
    const sxy = sum(some.map(({ partial, whole: y }) => share(partial) * share(y)));
    const slope = (n * sxy - sx * sy) / (n * sxx - sx ** 2);
    return sy / n + slope * (x - sx / n);
  };
  const leftOut = pairs.map((pair, at) => share(pair.whole) - line(pairs.toSpliced(at, 1), share(pair.partial)));
  const estimate = estimator(pairs)(scoreWith(0.55));
  expect(share(estimate)).toBeCloseTo(line(pairs, 0.55), 9);
  expect(estimate.error).toBeCloseTo(Math.sqrt(sum(leftOut.map((error) => error ** 2)) / pairs.length), 9);
  expect(estimate).toMatchObject({ tested: 1000, top5: 1000 });
});

/** Top-5 doubles and cross-entropy halves from some images to all: what each line must find. */
const pairOf = (right: number) => ({
  partial: { top1: 10 * right, top5: 20 * right, images: 100, crossEntropy: 4 - right },
  whole: { top1: 100 * right, top5: 400 * right, images: 1000, crossEntropy: (4 - right) / 2 },
});

test('each figure has a line of its own, over as many images as the whole has', () => {
  const estimate = estimator([1, 2, 1.5, 1.2].map(pairOf));
  const { partial, whole: all } = pairOf(1.7);
  const of = estimate(partial);
  expect([of.top1, of.top5, of.crossEntropy, of.images, of.tested]).toEqual([
    expect.closeTo(all.top1, 6),
    expect.closeTo(all.top5, 6),
    expect.closeTo(all.crossEntropy, 9),
    1000,
    100,
  ]);
  expect(of.error).toBeCloseTo(0, 9);
  // No share of the images is below none or above all.
  expect(estimate({ ...partial, top1: 100, top5: 100 })).toMatchObject({ top1: 1000, top5: 1000 });
  expect(estimate({ ...partial, top1: -100 }).top1).toBe(0);
  // Where all pairs have the same figure the line is level.
  const level = estimator([1, 2, 3].map((more) => ({ partial, whole: { ...all, top1: 100 * more } })))(partial);
  expect(level.top1).toBeCloseTo(200, 9);
  expect(level.error).toBeCloseTo(Math.sqrt((0.15 ** 2 + 0.15 ** 2) / 3), 9);
});

test('a net without a single finite logit is estimated to have none right, and no cross-entropy', () => {
  const broken: Score = { top1: 0, top5: 0, images: 100, crossEntropy: NaN };
  const pairs = [broken, scoreWith(0.5), scoreWith(0.6), scoreWith(0.7)].map((one) => ({ partial: one, whole: one }));
  expect(estimator(pairs)(broken)).toMatchObject({ top1: 0, crossEntropy: NaN });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function share({ top1, images }: Score): number {
  return top1 / images;
}

/** Of a thousand images. */
function scoreWith(right: number): Score {
  return { top1: 1000 * right, top5: 1000, images: 1000, crossEntropy: 1 - right };
}

function isRight(bits: Uint8Array, image: number): boolean {
  return ((bits[image >> 3]! >> (image & 7)) & 1) === 1;
}
