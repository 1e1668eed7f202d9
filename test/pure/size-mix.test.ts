import { expect, test } from 'vitest';
import { baselines } from '../../nas/evaluation/baselines.ts';
import { assertFits } from '../../nas/evaluation/epoch-scores.ts';
import { mixedByBand, withSizes } from '../../nas/evaluation/size-mix.ts';
import { randomOf } from '../../nas/space/random.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { kindOf } from '../../pipelines/kinds/catalogue.ts';
import { tinySupernet } from '../support/training-configs.ts';
import { plainFit } from '../support/plain-fit.ts';
import { inUnits } from '../support/plain-statistics.ts';
import { committedSpace, configText } from '../support/spaces.ts';

const random = randomOf(3, 'mixes');
const space = committedSpace('fashion');
const listed = parseSubnetList(space, configText('subnets/fashion-bench-bands.txt'), 'bands').slice(0, 56);
const subnets = listed.map(({ subnet }) => subnet);
const bands = listed.map((_, at) => (at < 28 ? 'small' : 'large'));
const sizes = baselines(space, subnets, { classes: 10, resolution: 28 });
const scores = listed.map(() => random.normal());
const accuracies = Float64Array.from(scores, (score, at) => 50 + 2 * sizes['log MACs'][at]! + score + random.normal());
const heldOut = listed.map((_, at) => at % 3 === 2);
const truth = { subnets, accuracies, bands, heldOut };
const mixed = (own: Float64Array, given: readonly number[] | null = scores) =>
  withSizes({ space, classes: 10, truth: { ...truth, accuracies: own } }, given);

test('scores mixed with sizes are the least squares on subnets that are not held out, each tenth of them left out in its turn', () => {
  const columns = [scores, sizes['log parameters'], sizes['log MACs'], sizes.depth].map((column) =>
    inUnits([...column]),
  );
  const rows = listed.map((_, at) => [1, ...columns.map((column) => column[at]!)]);
  const others = [...heldOut.keys()].filter((at) => !heldOut[at]);
  const plain = listed.map((_, at) => {
    const tenth = others.indexOf(at) % 10;
    const fitted = heldOut[at] ? others : others.filter((__, number) => number % 10 !== tenth);
    const weights = plainFit(
      fitted.map((one) => rows[one]!),
      fitted.map((one) => accuracies[one]!),
    );
    return weights.reduce((sum, weight, index) => sum + weight * rows[at]![index]!, 0);
  });
  for (const [at, value] of mixed(accuracies).entries()) expect(value).toBeCloseTo(plain[at]!, 6);
});

test('no accuracy of a subnet that is held out changes anything, and no other its own tenth', () => {
  const changed = (position: number) => accuracies.map((value, at) => (at === position ? value + 5 : value));
  expect(mixed(changed(2))).toEqual(mixed(accuracies));
  const [before, after] = [mixed(accuracies), mixed(changed(0))];
  // Of the subnets that are not held out, positions 0, 1, 3, 4 …, every tenth is 0, 15, 30, 45.
  const isSame = listed.map((_, at) => Math.abs(before[at]! - after[at]!) < 1e-9);
  expect(listed.flatMap((_, at) => (isSame[at] ? [at] : []))).toEqual([0, 15, 30, 45]);
});

test('sizes alone find what sizes say, and a score what it says', () => {
  const target = Float64Array.from(sizes.depth, (depth, at) => 3 * depth - 2 * sizes['log MACs'][at]!);
  for (const [at, value] of mixed(target, null).entries()) expect(value).toBeCloseTo(target[at]!, 6);
  for (const [at, value] of mixed(accuracies, [...accuracies]).entries()) expect(value).toBeCloseTo(accuracies[at]!, 6);
});

test('a ground truth of too few subnets is not fitted on', () => {
  const few = { names: [], runs: null, ...truth, heldOut: heldOut.slice(0, 28) };
  const of =
    (sizesToo: boolean, own = few) =>
    () =>
      assertFits('truth.json', own, { sizes: sizesToo });
  expect(of(true)).toThrow(
    'truth.json: sizes: expected at least 20 subnets that are not held out, got 19; train more of them alone, or leave sizes out',
  );
  expect(of(false)).not.toThrow();
  expect(of(true, { ...few, heldOut: heldOut.slice(0, 30) })).not.toThrow();
});

const byBand = (own: Float64Array, groups: readonly (string | null)[] = bands) =>
  mixedByBand({ space, classes: 10, truth: { ...truth, accuracies: own, bands: groups } });

test('nor does a pipeline load that would: its key is refused before anything starts', () => {
  const config = JSON.parse(JSON.stringify(tinySupernet({ sizes: true })));
  const given = ['111111001100', '122111111111'].join('\n');
  const two = parseSubnetList(tinySupernet().space, given, 'truth');
  const of = (count: number) =>
    kindOf('train-supernet').examine(config, { ground_truth: Array.from({ length: count }, () => two[0]!) });
  expect(of(19)).toMatchObject({
    issues: [
      {
        path: ['sizes'],
        message:
          'expected a ground truth of at least 20 subnets to fit them on, got 19; train more of them alone, or leave sizes out',
      },
    ],
  });
  expect(of(20)).not.toHaveProperty('issues');
  const without = JSON.parse(JSON.stringify(tinySupernet()));
  expect(kindOf('train-supernet').examine(without, { ground_truth: [two[0]!] })).not.toHaveProperty('issues');
  // One that only the run makes is not known yet.
  expect(kindOf('train-supernet').examine(config, {})).not.toHaveProperty('issues');
});

test('the mix by bands scores each band by least squares fitted on the others', () => {
  const target = Float64Array.from(sizes.depth, (depth, at) => 3 * depth - 2 * sizes['log MACs'][at]!);
  const found = byBand(target)!;
  // The target is such a mix, so a fit on the other band finds it to the digit.
  for (const at of target.keys()) expect(found[at]).toBeCloseTo(target[at]!, 6);
  const again = byBand(target.map((value, at) => (at < 28 ? value + random.normal() : value)))!;
  expect(again.slice(0, 28)).toEqual(found.slice(0, 28));
  expect(again.slice(28)).not.toEqual(found.slice(28));
  const one = listed.map(() => 'one');
  expect(byBand(target, one)).toBeNull();
  // Four weights are fitted, to four others at least.
  const few = (count: number) => listed.map((_, at) => (at < count ? 'few' : 'many'));
  expect(byBand(target, few(3))).toBeNull();
  expect(byBand(target, few(4))).not.toBeNull();
});

test('a size that is the same for all subnets says nothing, and spoils nothing', () => {
  const count = (depth: number) => sizes.depth.filter((one) => one === depth).length;
  const most = sizes.depth.toSorted((a, b) => count(b) - count(a))[0];
  const positions = [...subnets.keys()].filter((at) => sizes.depth[at] === most);
  const own = positions.map((at) => 2 * sizes['log MACs'][at]!);
  const same = {
    subnets: positions.map((at) => subnets[at]!),
    accuracies: Float64Array.from(own),
    heldOut: own.map(() => false),
    bands: [],
  };
  const found = withSizes({ space, classes: 10, truth: same }, null);
  for (const [at, value] of found.entries()) expect(value).toBeCloseTo(own[at]!, 6);
});
