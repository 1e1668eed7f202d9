import { expect, test } from 'vitest';
import { SearchSubnetsConfig } from '../../nas/evaluation/search/config.ts';
import { macs as macsOf, parameterCount } from '../../nas/space/cost.ts';
import { minArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { committedSpace } from '../support/spaces.ts';
import { tinySupernet } from '../support/training-configs.ts';

const space = committedSpace('fashion');

/** What is wrong with a config that differs in this from a good one. */
function wrongWith(changes: object): { path: PropertyKey[]; message: string }[] {
  const { error } = SearchSubnetsConfig.safeParse({
    space,
    limits: { macs: 400_000, parameters: 6000 },
    population: 20,
    budget: 110,
    seed: 1,
    dataset: tinySupernet().dataset,
    n_classes: tinySupernet().n_classes,
    supernet: { file: 'run/one-shot/0.5_1.safetensors', sha256: '0'.repeat(64), epoch: 1, groups: 1 },
    way: 'random',
    calibration: { part: 'calibration', batches: 1, batch_size: 10 },
    batch_size: 100,
    precision: 'float32',
    threads: 1,
    ...changes,
  });
  return error?.issues.map(({ path, message }) => ({ path, message })) ?? [];
}

test('what a search asks for in vain is refused before anything starts', () => {
  const classes = tinySupernet().n_classes;
  const least = subnetOf(space, minArchitecture(space));
  const costs = { macs: macsOf(space, least, 28, classes), parameters: parameterCount(space, least, classes) };
  expect(wrongWith({})).toEqual([]);
  expect(wrongWith({ limits: {} })).toEqual([]);
  // As much as the smallest costs is enough for one.
  expect(wrongWith({ limits: costs })).toEqual([]);
  expect(wrongWith({ limits: { macs: costs.macs - 1, parameters: costs.parameters - 1 } })).toEqual(
    (['macs', 'parameters'] as const).map((cost) => ({
      path: ['limits', cost],
      message: `expected at least the ${costs[cost]} of the smallest subnet, got ${costs[cost] - 1}`,
    })),
  );
  expect(wrongWith({ population: 110 })).toEqual([]);
  expect(wrongWith({ population: 111 })).toEqual([
    { path: ['population'], message: 'expected at most the budget (110), got 111' },
  ]);
  expect(wrongWith({ n_classes: classes + 1 })).toMatchObject([{ path: ['n_classes'] }]);
  const supernet = { file: 'run/9/0.5_1.safetensors', sha256: '0'.repeat(64), epoch: 1, groups: 9 };
  expect(wrongWith({ supernet })).toEqual([
    { path: ['supernet'], message: 'expected 1..7 groups (the space has that many widths), got 9' },
  ]);
});
