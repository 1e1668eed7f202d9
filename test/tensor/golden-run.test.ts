import { expect, test } from 'vitest';
import { differencesOf, goldenRuns, runGolden, waysOf } from '../support/golden-run.ts';

// Each run waits for a disk thirty times.
const SLOW = 300_000;

// The stage itself against numbers that PyTorch has made in float64: test/fixtures/golden-run/make.py says how.

test.each(['nesterov', 'heavy ball'] as const)(
  'some thirty steps of training with %s have the losses and gradients of PyTorch, and the epochs its scores',
  async (name) => {
    const golden = goldenRuns[name];
    const seen = await runGolden(golden.config);
    const differences = differencesOf(golden, seen);
    expect(differences.length).toBeGreaterThan(25);
    expect(differences).toHaveLength(golden.steps.length);
    for (const [step, { loss }] of differences.entries()) expect(loss, `loss of step ${step}`).toBeLessThan(1e-5);
    // Float32 moves gradients by 1e-6 to 5e-5, and by up to a tenth where a value comes over the edge of a ReLU: which, if any, each
    // kind of processor decides. A step that is wrong itself would show in the way.
    const gradients = differences.map(({ gradient }) => gradient).toSorted((a, b) => b - a);
    expect(gradients[0]).toBeLessThan(0.2);
    expect(gradients[2]).toBeLessThan(1e-3);
    for (const way of waysOf(golden, seen)) expect(way).toBeLessThan(1e-2);
    expect(seen.epochs).toHaveLength(golden.epochs.length);
    for (const [epoch, { loss, lr, train, min, max, truth, tau }] of golden.epochs.entries()) {
      const record = seen.epochs[epoch]!;
      expect(record.loss).toBeCloseTo(loss, 5);
      expect(record.tau).toBeCloseTo(tau, 10);
      expect(record.groundTruth).toEqual(truth.map(({ top1 }) => top1));
      record.groundTruthLosses!.forEach((one, at) => expect(one).toBeCloseTo(truth[at]!.crossEntropy, 4));
      const accuracies = { min: { top1: min.top1, top5: min.top5 }, max: { top1: max.top1, top5: max.top5 } };
      expect(record).toMatchObject(accuracies);
      expect(seen.log[epoch]).toMatchObject({
        epoch,
        train,
        lr: expect.closeTo(lr, 12),
        ...accuracies,
        crossEntropy: { min: expect.closeTo(min.crossEntropy, 4), max: expect.closeTo(max.crossEntropy, 4) },
      });
    }
  },
  SLOW,
);

test('in bf16 the same epoch is trained, as far as seven bits can tell', { timeout: SLOW }, async () => {
  const golden = goldenRuns['heavy ball'];
  // Its cosine does not depend on how many epochs there are.
  const seen = await runGolden({ ...golden.config, precision: 'bf16', epochs: 1 });
  const differences = differencesOf(golden, seen);
  expect(differences).toHaveLength(13);
  for (const { loss, gradient } of differences) {
    expect(loss).toBeLessThan(0.01);
    // Neither that of float32, nor of other images, masks or nets.
    expect(gradient).toBeGreaterThan(1e-3);
    expect(gradient).toBeLessThan(0.5);
  }
  expect(differences[0]!.gradient).toBeLessThan(0.05);
});
