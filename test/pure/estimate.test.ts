import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { estimateOf, rateOf } from '../../cli/estimate.ts';
import { estimateLines } from '../../cli/view/plan.ts';
import { activations, convolutions, supernetParameterCount } from '../../nas/space/cost.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import type { TrainSupernetConfig } from '../../nas/training/config.ts';
import { supernetTrainingCost } from '../../pipelines/kinds/cost.ts';
import { tinySupernet } from '../support/training-configs.ts';
import { maxArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import type { Cost, Plan, PlanStage } from '../../plan/plan.ts';
import { committedSpace } from '../support/spaces.ts';
import { bytes } from '../../report/format.ts';

const imagenet = committedSpace('imagenet');
const largest = subnetOf(imagenet, maxArchitecture(imagenet));

describe('what a network takes beside arithmetic', () => {
  test('the largest subnet has 23 blocks of two convolutions, three shortcuts and a stem', () => {
    expect(convolutions(imagenet, largest)).toBe(1 + 2 * 23 + 3);
  });

  test('maps are counted by hand in a net of one block', () => {
    const space = {
      ...imagenet,
      stem: { kernel: 3, stride: 1, pool: false, base: 4 },
      stages: [{ base: 4, stride: 1, depth: [1, 1] }],
    } as const;
    const subnet = { stem: 4, stages: [[{ mid: 6, out: 4 }]] };
    // Stem: its output twice. Block: two convolutions twice, and the sum.
    expect(activations(space, subnet, 10)).toEqual({ kept: 100 * (2 * 4 + 2 * 6 + 2 * 4 + 4), largest: 600 });
  });
});

/** A plan of one stage of that cost. */
function planOf(cost: Partial<Cost>, more: Partial<PlanStage> = {}): Plan {
  const { stages, ...plan } = loadPipeline('pipelines/quickstart.yml');
  const nothing = { gmacs: 0, traffic: 0, operations: 0, memory: 0, disk: 0, note: '' };
  return { ...plan, stages: [{ ...stages[0]!, cost: { ...nothing, ...cost }, ...more }] };
}

describe('an estimate', () => {
  const measured = { version: 1, tensorflow: '2.21.0', device: 'cpu', float32: 0.1, bf16: 0.2 } as const;
  const speed = { ...measured, bandwidth: 10, operation: 50 };

  test('adds arithmetic, traffic and the time of operations; threads share all but the last, and nets reach 0.6 of what is measured', () => {
    const cost = { gmacs: 3600, traffic: 3.6e12, operations: 7.2e7 };
    const hours = (config: PlanStage['with']): number =>
      estimateOf(planOf(cost, { with: config }), rateOf(undefined, speed)).hours;
    expect(hours({ precision: 'float32', threads: 1 })).toBeCloseTo((0.02 + 0.1 + 1) / 0.6, 10);
    expect(hours({ precision: 'float32', threads: 2 })).toBeCloseTo(((0.02 + 0.1) / 2 + 1) / 0.6, 10);
    expect(hours({ precision: 'bf16', threads: 1 })).toBeCloseTo((0.01 + 0.1 + 1) / 0.6, 10);
  });

  test('goes by the rate that is given, then by what was measured, then by an assumption that it names', () => {
    expect(rateOf(3, speed)).toMatchObject({ from: 'given', device: 'gpu', float32: 3, bf16: 3 });
    expect(rateOf(undefined, speed)).toMatchObject({ from: 'measured', device: 'cpu', float32: 0.1 });
    const assumed = estimateOf(planOf({ gmacs: 3.6e7 }), rateOf(undefined, undefined));
    expect(assumed.hours).toBeCloseTo(1, 10);
    const text = stripVTControlCharacters(estimateLines(assumed).join('\n'));
    expect(text).toMatch(/one-shot +1\.00 .*\n.*TFLOP\/s.* for a card, assumed; `nas doctor` measures it here/s);
  });

  test('counts tests, and supernets on disk, of the epochs that are tested alone', () => {
    const costOf = (changes: Partial<TrainSupernetConfig>): Cost => {
      const selection = { part: 'selection', batch_size: 100 } as const;
      return supernetTrainingCost(tinySupernet({ selection, ...changes }), subnets);
    };
    const tiny = tinySupernet().space;
    const subnets = parseSubnetList(tiny, '111222002200\n122111111111\n', 'list');
    const [one, four] = [1, 4].map((epochs) => costOf({ epochs }));
    const last = costOf({ epochs: 4, selection: { part: 'selection', batch_size: 100, last_epochs: 1 } });
    const weights = 4 * supernetParameterCount(tiny, 1, 10);
    expect(four!.disk - last.disk).toBe(3 * weights);
    for (const key of ['gmacs', 'traffic', 'operations'] as const) {
      // Four epochs with their tests are four times one; without three of the tests they are less, but more than one.
      expect(four![key]).toBeCloseTo(4 * one![key], 9);
      expect(last[key]).toBeLessThan(four![key]);
      expect(last[key]).toBeGreaterThan(one![key]);
      const once = (four![key] - last[key]) / 3;
      expect(costOf({ epochs: 4, selection: { part: 'selection', batch_size: 100, last_epochs: 3 } })[key]).toBeCloseTo(
        last[key] + 2 * once,
        6,
      );
    }
    expect(last.note).toMatch(/tau on 2 subnets after the last 1$/);
  });

  test('of the competition has every stage, with the supernets of all epochs on disk', () => {
    const plan = loadPipeline('pipelines/cvpr2022-track1.yml');
    const { stages, hours, disk } = estimateOf(plan, rateOf(20, undefined));
    expect(stages.map(({ stage }) => stage)).toEqual([
      'one-shot',
      ...[2, 3, 4, 5, 6, 7].map((groups) => `few-shot-${groups}`),
      'evaluate',
    ]);
    expect(stages.every((stage) => stage.hours > 0 && stage.memory > 0 && stage.disk > 0)).toBe(true);
    const [oneShot] = stages;
    // The 100 epochs and two checkpoints with their momentum.
    expect(oneShot?.disk).toBe(4 * supernetParameterCount(imagenet, 1, 1000) * 104);
    expect(hours).toBeCloseTo(
      stages.reduce((sum, stage) => sum + stage.hours, 0),
      6,
    );
    expect(disk).toBeGreaterThan(oneShot?.disk ?? Infinity);
  });
});

test('sizes are told in the units disks are sold in', () => {
  expect([0, 999, 64_000, 1.25e6, 1.234e10, 5e12, 1.2e15].map(bytes)).toEqual([
    '0 B',
    '999 B',
    '64.0 kB',
    '1.25 MB',
    '12.3 GB',
    '5.00 TB',
    '1200 TB',
  ]);
});
