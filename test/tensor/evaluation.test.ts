import { expect, test } from 'vitest';
import type { Batch } from '../../nas/data/batches.ts';
import { evaluateSubnets } from '../../nas/evaluation/evaluate.ts';
import { TreeWalk } from '../../nas/evaluation/walk/tree-walk.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { randomOf } from '../../nas/space/random.ts';
import { maxArchitecture, minArchitecture, randomArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import type { Space, Subnet } from '../../nas/space/space.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { liveTensors } from '../../nas/supernet/tensorflow.ts';
import { golden, GOLDEN_CLASSES, goldenImages, goldenSupernet, imagenet } from '../support/golden.ts';
import { isLong } from '../support/long.ts';
import { referenceLogits } from '../support/reference.ts';
import { committedSpace } from '../support/spaces.ts';
import { Tally } from '../../nas/evaluation/score.ts';
import type { Score } from '../../nas/evaluation/score.ts';

const CLASSES = 10;
const space = committedSpace('fashion');

/** A supernet whose every parameter counts: what a trained one looks like. */
function randomSupernet(of: Space, groups: number, precision: 'float32' | 'bf16' = 'float32'): Supernet {
  const net = Supernet.build({ space: of, classes: CLASSES, groups, seed: 7, precision });
  for (const parameter of net.parameters) {
    if (parameter.kind !== 'norm' && parameter.kind !== 'bias') continue;
    const random = randomOf(1, parameter.name);
    const middle = parameter.kind === 'norm' ? 1 : 0;
    parameter.assign(parameter.read().map(() => middle + 0.3 * random.normal()));
  }
  return net;
}

function randomSubnets(of: Space, count: number): Subnet[] {
  const random = randomOf(2, 'subnets');
  const some = Array.from({ length: count - 2 }, () => randomArchitecture(of, random));
  return [maxArchitecture(of), minArchitecture(of), ...some].map((architecture) => subnetOf(of, architecture));
}

/** Blobs whose place depends on the class, in noise. */
function batches(of: Space, name: string, count: number, size: number): Batch[] {
  const side = of.resolutions.at(-1)!;
  const random = randomOf(3, name);
  return Array.from({ length: count }, () => {
    const labels = Int32Array.from({ length: size }, (_, i) => i % CLASSES);
    const images = Float32Array.from({ length: size * side * side * of.channels }, (_, i) => {
      const pixel = Math.floor(i / of.channels) % (side * side);
      const label = Math.floor(i / (side * side * of.channels)) % CLASSES;
      return (Math.floor((pixel * CLASSES) / (side * side)) === label ? 1 : 0) + random.normal();
    });
    return { images, labels, indices: labels };
  });
}

function scoreOf(logits: readonly Float32Array[], tested: readonly Batch[]): Score {
  const tally = new Tally();
  for (const [i, { labels }] of tested.entries()) tally.add(logits[i]!, labels);
  return tally.score();
}

/** Smallest gap between the label's logit and any other: what a count can turn on. */
function closestCall(logits: readonly Float32Array[], tested: readonly Batch[]): number {
  let closest = Infinity;
  for (const [i, { labels }] of tested.entries()) {
    for (const [image, label] of labels.entries()) {
      const row = logits[i]!.subarray(image * CLASSES, (image + 1) * CLASSES);
      for (const [c, logit] of row.entries()) {
        if (c !== label) closest = Math.min(closest, Math.abs(logit - row[label]!));
      }
    }
  }
  return closest;
}

async function scores(
  net: Supernet,
  subnets: readonly Subnet[],
  calibration: Batch[],
  tested: Batch[],
): Promise<Score[]> {
  const result = await evaluateSubnets(net, subnets, { calibration, test: tested });
  if (result === 'stopped') throw new Error('expected scores, got stopped');
  return result;
}

test.for([
  [1, isLong ? 30 : 12],
  [3, isLong ? 30 : 12],
  [1, 6, 'silu'],
  [2, 6, 'mish'],
  [3, 12, undefined, 'depth'],
] as const)(
  'with %i groups, %i subnets walked as a tree score as each does alone',
  async ([groups, count, activation, group_by]) => {
    const net = randomSupernet({ ...space, activation, group_by }, groups);
    const subnets = randomSubnets(space, count);
    const [calibration, tested] = [batches(space, 'calibration', 3, 40), batches(space, 'test', 2, 50)];
    const walked = await scores(net, subnets, calibration, tested);
    for (const [i, subnet] of subnets.entries()) {
      const logits = referenceLogits(net, subnet, calibration, tested);
      const alone = scoreOf(logits, tested);
      const equal = walked[i]!.top1 === alone.top1 && walked[i]!.top5 === alone.top5;
      if (!equal) expect(closestCall(logits, tested), `subnet ${i}`).toBeLessThan(1e-4);
      expect(walked[i]!.crossEntropy).toBeCloseTo(alone.crossEntropy, 4);
      expect(walked[i]!.images).toBe(100);
    }
    expect(new Set(walked.map(({ crossEntropy }) => crossEntropy)).size).toBe(count);
    net.dispose();
  },
);

test("logits are the original network's own, walked as a tree", () => {
  const net = goldenSupernet();
  const nets = golden.one_shot.map(({ arch }) => subnetOf(imagenet, parseArchCode(imagenet, arch)));
  const walk = new TreeWalk(net, nets);
  for (const seed of [2, 3]) for (const _ of walk.calibrate(goldenImages(seed, 4, 64))) continue;
  walk.settle();
  const found: Float32Array[] = [];
  const visit = (sharing: readonly number[], logits: Float32Array): void => {
    for (const subnet of sharing) found[subnet] = logits;
  };
  for (const _ of walk.test(goldenImages(1, 4, 64), visit)) continue;
  for (const [i, { calibrated_logits: expected }] of golden.one_shot.entries()) {
    for (const [image, row] of expected.entries()) {
      for (const [c, logit] of row.entries()) expect(found[i]![image * GOLDEN_CLASSES + c]).toBeCloseTo(logit, 3);
    }
  }
  walk.dispose();
  net.dispose();
});

test('scores depend neither on the order of the subnets nor on which others are walked along', async () => {
  const net = randomSupernet(space, 2);
  const subnets = randomSubnets(space, 12);
  const [calibration, tested] = [batches(space, 'calibration', 2, 50), batches(space, 'test', 1, 100)];
  const all = await scores(net, subnets, calibration, tested);
  const reversed = (await scores(net, subnets.toReversed(), calibration, tested)).toReversed();
  expect(reversed).toEqual(all);
  const halves = [...(await scores(net, subnets.slice(0, 5), calibration, tested))];
  halves.push(...(await scores(net, subnets.slice(5), calibration, tested)));
  for (const [i, score] of halves.entries()) {
    expect(score.crossEntropy).toBeCloseTo(all[i]!.crossEntropy, 4);
    expect(Math.abs(score.top1 - all[i]!.top1)).toBeLessThanOrEqual(1);
  }
  net.dispose();
});

test('every evaluation calibrates anew: nothing of an earlier one, or of the weights before, is left', async () => {
  const net = randomSupernet(space, 1);
  const subnets = randomSubnets(space, 4);
  const [calibration, tested] = [batches(space, 'calibration', 2, 50), batches(space, 'test', 1, 100)];
  const other = batches(space, 'other', 1, 50);
  const first = await scores(net, subnets, calibration, tested);
  expect(await scores(net, subnets, other, tested)).not.toEqual(first);
  const weight = net.parameters.get('blocks.0.conv1.conv.weight');
  const values = weight.read();
  weight.assign(values.map((value) => value * -1));
  expect(await scores(net, subnets, calibration, tested)).not.toEqual(first);
  weight.assign(values);
  expect(await scores(net, subnets, calibration, tested)).toEqual(first);
  net.dispose();
});

test('a wide space, whose siblings are cut out of wider tensors, scores as each subnet does alone', async () => {
  const wide: Space = {
    ...space,
    stem: { kernel: 7, stride: 2, pool: true, base: 24 },
    stages: [
      { base: 24, stride: 1, depth: [1, 2] },
      { base: 40, stride: 2, depth: [1, 2] },
    ],
    ratios: [1, 0.6],
  };
  const net = randomSupernet(wide, 2);
  const random = randomOf(4, 'all');
  const subnets = Array.from({ length: 40 }, () => subnetOf(wide, randomArchitecture(wide, random)));
  // Out channels that differ inside a stage, as no code of the competition has them.
  subnets.push({
    stem: 14,
    stages: [
      [{ mid: 24, out: 24 }],
      [
        { mid: 40, out: 40 },
        { mid: 24, out: 24 },
      ],
    ],
  });
  subnets.push({
    stem: 24,
    stages: [
      [
        { mid: 14, out: 14 },
        { mid: 24, out: 24 },
      ],
      [{ mid: 24, out: 40 }],
    ],
  });
  // Siblings whose last widths have the same lanes: behind the narrower one's channels stand the wider one's.
  for (const out of [40, 36]) subnets.push({ stem: 24, stages: [[{ mid: 24, out: 24 }], [{ mid: 24, out }]] });
  const [calibration, tested] = [batches(wide, 'calibration', 2, 40), batches(wide, 'test', 1, 50)];
  const walked = await scores(net, subnets, calibration, tested);
  for (const [i, subnet] of subnets.entries()) {
    const alone = scoreOf(referenceLogits(net, subnet, calibration, tested), tested);
    expect(walked[i]!.crossEntropy).toBeCloseTo(alone.crossEntropy, 4);
  }
  net.dispose();
});

test.for([
  ['float32', 1e-4],
  ['bf16', 2e-2],
] as const)(
  'in %s, subnets whose small maps are filtered score as by plain convolutions',
  async ([precision, bound]) => {
    const filtered: Space = {
      ...space,
      resolutions: [24],
      stem: { kernel: 7, stride: 2, pool: true, base: 72 },
      stages: [
        { base: 72, stride: 1, depth: [1, 2] },
        { base: 80, stride: 2, depth: [1, 2] },
        { base: 96, stride: 2, depth: [1, 2] },
      ],
      ratios: [1, 0.94],
    };
    const net = randomSupernet(filtered, 2, precision);
    const subnets = randomSubnets(filtered, 8);
    const [calibration, tested] = [batches(filtered, 'calibration', 2, 40), batches(filtered, 'test', 1, 50)];
    const walked = await scores(net, subnets, calibration, tested);
    for (const [i, subnet] of subnets.entries()) {
      const alone = scoreOf(referenceLogits(net, subnet, calibration, tested), tested);
      expect(Math.abs(walked[i]!.crossEntropy - alone.crossEntropy)).toBeLessThan(bound);
    }
    expect(new Set(walked.map(({ crossEntropy }) => crossEntropy)).size).toBe(8);
    net.dispose();
  },
);

test('however many batches there are to calibrate on, statistics are their mean', async () => {
  const net = randomSupernet(space, 1);
  const [subnet] = randomSubnets(space, 2);
  const [calibration, tested] = [batches(space, 'calibration', 20, 4), batches(space, 'test', 1, 40)];
  const [walked] = await scores(net, [subnet!], calibration, tested);
  const alone = scoreOf(referenceLogits(net, subnet!, calibration, tested), tested);
  expect(walked!.crossEntropy).toBeCloseTo(alone.crossEntropy, 4);
  net.dispose();
});

test('an evaluation that is stopped says so at once, and frees all that it made', async () => {
  const net = randomSupernet(space, 2);
  const subnets = randomSubnets(space, 30);
  const [calibration, tested] = [batches(space, 'calibration', 2, 300), batches(space, 'test', 2, 300)];
  await scores(net, subnets.slice(0, 2), calibration, tested);
  const before = liveTensors();
  const shares: number[] = [];
  let asked = 0;
  const result = await evaluateSubnets(net, subnets, {
    calibration,
    test: tested,
    onProgress: ({ share }) => shares.push(share),
    shouldStop: () => ++asked === 3,
  });
  expect(result).toBe('stopped');
  expect(asked).toBe(3);
  expect(shares.at(-1)).toBeLessThan(1);
  net.parameters.releaseSlices();
  const released = liveTensors();
  expect(released).toBeLessThanOrEqual(before);
  net.dispose();
});
