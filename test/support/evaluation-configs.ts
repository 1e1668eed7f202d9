// Whole configs of the stages that evaluate, small enough to be done in a second; tests change a key or two of them.
import type { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import type { SearchSubnetsConfig } from '../../nas/evaluation/search/config.ts';
import type { ZeroCostConfig } from '../../nas/evaluation/zero-cost/config.ts';
import { tinySupernet } from './training-configs.ts';
import { supernetOnDisk } from './untrained-supernet.ts';

const { space, dataset, n_classes, ground_truth } = tinySupernet();

const ofSupernet = () =>
  ({
    space,
    dataset,
    n_classes,
    supernet: supernetOnDisk(),
    calibration: { part: 'calibration', batches: 2, batch_size: 60 },
    batch_size: 100,
    precision: 'float32',
    threads: 1,
  }) as const;

/** One of two parts of 24 subnets. */
export function tinyPart(changes: Partial<EvaluateSubnetsConfig> = {}): EvaluateSubnetsConfig {
  return {
    ...ofSupernet(),
    subnets: { sample: { count: 24, seed: 1, way: 'random' } },
    budget: null,
    part: 1,
    parts: 2,
    cut: 'tree',
    test_set: 1,
    chunk: 2,
    ...changes,
  };
}

/** A search by generations of 24. */
export function tinySearch(budget: number): SearchSubnetsConfig {
  return { ...ofSupernet(), limits: { macs: 60_000 }, way: 'evolution', budget, population: 24, seed: 5 };
}

/** Scores of the subnets of the ground truth, with two seeds. */
export function tinyZeroCost(): ZeroCostConfig {
  return { space, dataset, n_classes, ground_truth, seeds: [1, 2], batch_size: 16, threads: 1 };
}
