import { expect, test } from 'vitest';
import { RunningSums } from '../../nas/training/train-epoch.ts';
import { standaloneResult } from '../../nas/training/train-standalone.ts';

test("an epoch's loss is that of its first net and its accuracies those of its last, over all images", () => {
  const sums = new RunningSums();
  sums.add({ losses: [2, 7], top1: 3, top5: 6, images: 10 });
  sums.add({ losses: [1, 9], top1: 4, top5: 5, images: 5 });
  expect(sums.loss).toBeCloseTo((2 * 10 + 1 * 5) / 15, 12);
  expect(sums.accuracies).toEqual({ top1: 7 / 15, top5: 11 / 15 });
  // A resumed epoch goes on with the same sums.
  const resumed = new RunningSums(sums.state());
  resumed.add({ losses: [4, 0], top1: 0, top5: 1, images: 5 });
  expect(resumed.loss).toBeCloseTo((2 * 10 + 1 * 5 + 4 * 5) / 20, 12);
  expect(resumed.accuracies).toEqual({ top1: 7 / 20, top5: 12 / 20 });
});

test('the accuracy of a subnet alone is the mean over its seeds, with the standard error of that mean', () => {
  const result = standaloneResult({ arch: '11', seeds: [4, 5, 6] }, { top1: [80, 82, 87], top5: [95, 96, 97] }, 200);
  expect(result).toEqual({
    version: 1,
    arch: '11',
    images: 200,
    runs: [
      { seed: 4, top1: 40, top5: 47.5 },
      { seed: 5, top1: 41, top5: 48 },
      { seed: 6, top1: 43.5, top5: 48.5 },
    ],
    mean: 41.5,
    // Deviations -1.5, -0.5 and 2: a variance of 6.5 / 2, of the mean a third of that.
    standardError: Math.sqrt(6.5 / 2 / 3),
  });
  expect(standaloneResult({ arch: '11', seeds: [4] }, { top1: [80], top5: [95] }, 200).standardError).toBeNull();
});
