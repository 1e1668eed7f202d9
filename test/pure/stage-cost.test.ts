import { expect, test } from 'vitest';
import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { walkCosts } from '../../nas/evaluation/walk/prefix-tree.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { activations, convolutions, macs, parameterCount, supernetParameterCount } from '../../nas/space/cost.ts';
import { maxArchitecture, minArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import {
  evaluationCost,
  searchCost,
  standaloneTrainingCost,
  supernetTrainingCost,
  zeroCostCost,
} from '../../pipelines/kinds/cost.ts';
import { tinyStandalone, tinySupernet } from '../support/training-configs.ts';

// What `nas plan` says of a stage, beside the same computed by hand: 320 training images, 200 to test on, 28² pixels of one channel.

const { space, dataset } = tinySupernet();
const [max, min] = [subnetOf(space, maxArchitecture(space)), subnetOf(space, minArchitecture(space))];
const truth = parseSubnetList(space, '111222002200\n122111111111\n', 'list');
const some = truth.map(({ subnet }) => subnet);
const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

test('a subnet alone: images of whole batches, with every seed and epoch, forward and back', () => {
  const config = tinyStandalone({ epochs: 3, seeds: [1, 2], batch_size: 100 });
  const subnet = subnetOf(space, parseArchCode(space, config.arch));
  const { kept, largest } = activations(space, subnet, 28);
  const weights = 4 * parameterCount(space, subnet, 10);
  const passes = 2 * 3 * 300;
  expect(standaloneTrainingCost(config)).toEqual({
    gmacs: expect.closeTo((3 * passes * macs(space, subnet, 28, 10)) / 1e9, 12),
    traffic: 7 * 4 * passes * kept,
    operations: (passes / 100) * 16 * convolutions(space, subnet),
    memory: 3 * weights + 100 * (28 * 28 * 4 + 4 * (kept + 3 * largest)),
    disk: 4 * weights,
    note: expect.stringMatching(/^2 seeds × 3 epochs × 300 images × \d\.?\d*(e-\d+)? GMACs × 3$/),
  });
  const images = (changes: object): number =>
    standaloneTrainingCost({ ...config, ...changes }).traffic / (2 * 3 * 7 * 4 * kept);
  expect(images({ drop_last: false })).toBe(320);
  // Two ranks take 200 at once.
  expect(images({ ranks: 2 })).toBe(200);
  const half = standaloneTrainingCost({ ...config, precision: 'bf16' });
  expect(half.traffic).toBe((7 * 4 * passes * kept) / 2);
  expect(half.memory).toBe(3 * weights + 100 * (28 * 28 * 4 + 2 * (kept + 3 * largest)));
});

test('a supernet: the nets of each step, and those that each test is made of', () => {
  const selection = { part: 'selection', batch_size: 100, last_epochs: 2 } as const;
  const config = tinySupernet({ epochs: 3, num_arch_training: 2, selection });
  const cost = supernetTrainingCost(config, truth);
  const [atMax, atMin] = [activations(space, max, 28), activations(space, min, 20)];
  const weights = 4 * supernetParameterCount(space, 1, 10);
  // Two batches of 60 images are calibrated on, two of 100 tested; the test is of two subnets, the largest and the smallest.
  const tested = [...some, max, min];
  const ofTests = 2 * 320 * (sum(some.map((one) => macs(space, one, 28, 10))) + 2 * macs(space, max, 28, 10));
  const ofSteps = 3 * 320 * 3 * (macs(space, max, 28, 10) + macs(space, min, 20, 10));
  expect(cost).toEqual({
    gmacs: expect.closeTo((ofSteps + ofTests) / 1e9, 12),
    traffic:
      4 *
      (3 * 320 * 7 * (atMax.kept + atMin.kept) +
        2 * 320 * 2 * sum(tested.map((one) => activations(space, one, 28).kept))),
    operations:
      3 * 5 * 16 * (convolutions(space, max) + convolutions(space, min)) +
      2 * 4 * 4 * sum(tested.map((one) => convolutions(space, one))),
    memory: 3 * weights + 64 * (28 * 28 * 4 + 4 * (atMax.kept + 3 * atMax.largest)),
    disk: (2 + 4) * weights,
    note: '3 epochs × 320 images × 2 nets × 3, and tau on 2 subnets after the last 2',
  });
  // Without the sandwich rule the smallest net is a random one.
  const plain = supernetTrainingCost({ ...config, sandwich_rule: false, num_arch_training: 1 }, truth);
  expect(plain.gmacs).toBeCloseTo((3 * 320 * 3 * macs(space, max, 28, 10) + ofTests) / 1e9, 12);
  expect(supernetTrainingCost(tinySupernet({ selection: { part: 'selection', batch_size: 100 } }), truth).note).toBe(
    '2 epochs × 320 images × 4 nets × 3, and tau on 2 subnets',
  );
});

test('random nets cost between the smallest and the largest, each as much as the next', () => {
  const figures = [2, 3, 4].map((num_arch_training) =>
    supernetTrainingCost(tinySupernet({ num_arch_training }), truth),
  );
  const [two, three, four] = figures;
  for (const key of ['gmacs', 'traffic', 'operations'] as const) {
    expect(four![key] - three![key]).toBeCloseTo(three![key] - two![key], 6);
  }
  const one = ((three!.gmacs - two!.gmacs) * 1e9) / (2 * 320 * 3);
  expect(one).toBeGreaterThan(macs(space, min, 20, 10));
  expect(one).toBeLessThan(macs(space, max, 28, 10));
  const maps = (three!.traffic - two!.traffic) / (2 * 320 * 7 * 4);
  expect(maps).toBeGreaterThan(activations(space, min, 20).kept);
  expect(maps).toBeLessThan(activations(space, max, 28).kept);
  const convs = (three!.operations - two!.operations) / (2 * 5 * 16);
  expect(convs).toBeGreaterThan(convolutions(space, min));
  expect(convs).toBeLessThan(convolutions(space, max));
});

const evaluation = {
  space,
  dataset,
  n_classes: 10,
  supernet: { file: 'run/one-shot/0.5_1.safetensors', sha256: 'a'.repeat(64), epoch: 1, groups: 1 },
  calibration: { part: 'calibration', batches: 2, batch_size: 60 },
  batch_size: 150,
  precision: 'float32',
  threads: 1,
} as const;
const whole = EvaluateSubnetsConfig.parse({
  ...evaluation,
  subnets: { sample: { count: 60, seed: 1, way: 'random' } },
  budget: null,
  part: 1,
  parts: 4,
  cut: 'tree',
  test_set: 1,
  chunk: 10,
});

test('an evaluation: a part of the tree, on the images of calibration and test', () => {
  const listed = EvaluateSubnetsConfig.parse({
    ...whole,
    parts: 2,
    subnets: { file: 'a.txt', sha256: 'b'.repeat(64) },
  });
  const alike = parseSubnetList(space, '111222002200\n111222001100\n', 'list');
  const both = alike.map(({ subnet }) => subnet);
  const costs = walkCosts(space, both, 1, 28);
  const [alone, shared] = [sum(costs.map((one) => one.alone)), sum(costs.map(({ added }) => added))];
  expect(shared).toBeLessThan(alone);
  const rest = shared / alone / 2;
  const images = 200 + 120;
  expect(evaluationCost(listed, alike)).toEqual({
    gmacs: expect.closeTo((images * shared) / 2 / 1e9, 12),
    traffic: expect.closeTo(images * 2 * 4 * rest * sum(both.map((one) => activations(space, one, 28).kept)), 3),
    operations: expect.closeTo(4 * 4 * rest * sum(both.map((one) => convolutions(space, one))), 6),
    memory: 4 * supernetParameterCount(space, 1, 10) + (150 * activations(space, max, 28).kept * 4) / 2,
    disk: 300,
    note: `2 subnets / 2 × 320 images, ${(alone / shared).toFixed(2)} × fewer MACs by shared prefixes`,
  });
  const half = evaluationCost({ ...listed, precision: 'bf16' }, alike);
  expect(half.traffic).toBeCloseTo(evaluationCost(listed, alike).traffic / 2, 6);
});

test('a race: all on a share of the images, pilots and the last heat on all of them', () => {
  const plain = evaluationCost(whole, []);
  const raced = (racing: object): number =>
    evaluationCost({ ...whole, parts: 1, racing: { pilots: 20, share: 0.25, top: 10, ...racing } }, []).gmacs /
    (4 * plain.gmacs);
  // Of 60 subnets 20 pilots and 10 of the last heat are tested a second time: calibrated anew, and on the other images.
  const times = 1 + 30 / 60;
  const share = 0.25 + (20 + 0.75 * 10) / 60;
  expect(raced({})).toBeCloseTo((share * 200 + times * 120) / 320, 12);
  expect(raced({ pilots: 60 })).toBeCloseTo(1, 12);
  // No more are left for the last heat than are no pilots.
  expect(raced({ top: 1000 })).toBeCloseTo(((0.25 + (20 + 0.75 * 40) / 60) * 200 + (1 + 1) * 120) / 320, 12);
});

test('a search: as many random subnets as its budget, on the images of selection', () => {
  const config = { ...evaluation, limits: {}, way: 'random', budget: 60, population: 20, seed: 1 } as const;
  expect(searchCost(config)).toEqual(evaluationCost({ ...whole, parts: 1, test_set: 0 }, []));
});

test('scores without training: four passes over the images with each seed, and two over a single one', () => {
  const config = {
    space,
    dataset,
    n_classes: 10,
    ground_truth: { file: 'a.json', sha256: 'a'.repeat(64) },
    seeds: [1, 2, 3],
    batch_size: 16,
    threads: 1,
  };
  const { kept, largest } = activations(space, max, 28);
  expect(zeroCostCost(config, truth)).toEqual({
    gmacs: expect.closeTo((3 * 66 * sum(some.map((one) => macs(space, one, 28, 10)))) / 1e9, 12),
    traffic: 3 * 66 * 7 * 4 * sum(some.map((one) => activations(space, one, 28).kept)),
    operations: 3 * 16 * sum(some.map((one) => convolutions(space, one))),
    memory: 4 * 4 * supernetParameterCount(space, 1, 10) + 16 * (28 * 28 * 4 + 4 * (kept + 3 * largest)),
    disk: 600,
    note: '2 subnets × 3 seeds × 16 images × 4',
  });
});

test('of many resolutions the largest is that of tests', () => {
  const more = { ...space, resolutions: [20, 24, 28] };
  const scored = {
    space,
    dataset,
    n_classes: 10,
    ground_truth: { file: 'a.json', sha256: 'a'.repeat(64) },
    seeds: [1],
    batch_size: 16,
    threads: 1,
  };
  expect(zeroCostCost({ ...scored, space: more }, truth)).toEqual(zeroCostCost(scored, truth));
  const alone = tinyStandalone();
  expect(standaloneTrainingCost({ ...alone, space: more })).toEqual(standaloneTrainingCost(alone));
  const listed = EvaluateSubnetsConfig.parse({ ...whole, subnets: { file: 'a.txt', sha256: 'b'.repeat(64) } });
  expect(evaluationCost({ ...listed, space: more }, truth)).toEqual(evaluationCost(listed, truth));
});
