import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { TrainSupernetConfig } from '../../nas/training/config.ts';

const Fixture = z.object({ runs: z.record(z.string(), z.object({ config: z.record(z.string(), z.unknown()) })) });
const file = new URL('../fixtures/golden-run/golden-run.json', import.meta.url);
const { runs } = Fixture.parse(JSON.parse(readFileSync(file, 'utf8')));
const configs = Object.values(runs).map(({ config }) => config);

/** Keys whose effect is not seen in the golden runs, with the test that gives them other values. */
const elsewhere: Readonly<Record<string, string>> = {
  bn_eps: 'pure/training-config',
  bn_momentum: 'pure/training-config',
  checkpoint_every_steps: 'process/training-resume',
  dataset: 'process/image-list',
  epochs: 'process/training-stages',
  ground_truth: 'tensor/test-epoch',
  groups: 'tensor/golden',
  inherit: 'process/training-stages',
  keep: 'process/training-stages',
  n_classes: 'pure/training-config',
  precision: 'tensor/golden-run',
  rank_loss: 'tensor/training-step',
  ranks: 'process/ranks-training',
  sample_candidates: 'pure/sandwich',
  sample_way: 'pure/sandwich',
  score: 'tensor/test-epoch',
  sizes: 'tensor/test-epoch',
  space: 'tensor/training-step',
  threads: 'process/harness',
};

test('every key of a training has two values in the golden runs, which PyTorch tells apart, or another test that gives it one', () => {
  const [one, other] = configs;
  const isVaried = (key: string): boolean => JSON.stringify(one![key]) !== JSON.stringify(other![key]);
  const keys = Object.keys(TrainSupernetConfig.shape);
  const unseen = keys.filter((key) => !isVaried(key));
  expect(unseen.toSorted()).toEqual(Object.keys(elsewhere).toSorted());
  for (const [key, name] of Object.entries(elsewhere)) {
    const text = readFileSync(new URL(`../${name}.test.ts`, import.meta.url), 'utf8');
    expect(text, `${key} in ${name}`).toMatch(new RegExp(`\\b${key}\\b`));
  }
});
