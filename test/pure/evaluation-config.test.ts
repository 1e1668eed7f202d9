import { expect, test } from 'vitest';
import { partImages } from '../../configs/dataset-schema.ts';
import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { tinySupernet } from '../support/training-configs.ts';

const { space, dataset, n_classes: classes } = tinySupernet();
const supernet = { file: 'run/one-shot/0.5_1.safetensors', sha256: '0'.repeat(64), epoch: 1, groups: 1 };
const IMAGES = partImages(dataset, 'calibration');

/** What is wrong with a config that differs in this from a good one: path and message of each. */
function wrongWith(changes: object): [PropertyKey[], string][] {
  const { error } = EvaluateSubnetsConfig.safeParse({
    space,
    dataset,
    n_classes: classes,
    supernet,
    subnets: { sample: { count: 40, seed: 1, way: 'random' } },
    budget: null,
    part: 1,
    parts: 4,
    cut: 'tree',
    test_set: 1,
    calibration: { part: 'calibration', batches: 1, batch_size: 10 },
    batch_size: 100,
    chunk: 10,
    precision: 'float32',
    threads: 1,
    ...changes,
  });
  return error?.issues.map(({ path, message }) => [path, message]) ?? [];
}

const wanting = (batches: number, size: number) => ({
  calibration: { part: 'calibration', batches, batch_size: size },
});

test('a part that there is none of, and more parts than subnets, are refused', () => {
  expect(wrongWith({})).toEqual([]);
  expect(wrongWith({ part: 4 })).toEqual([]);
  expect(wrongWith({ part: 5 })).toEqual([[['part'], 'expected a part 1..4, got 5']]);
  expect(wrongWith({ parts: 40 })).toEqual([]);
  expect(wrongWith({ parts: 41 })).toEqual([[['parts'], 'expected at most as many parts as subnets (40), got 41']]);
  expect(wrongWith({ budget: 20, parts: 20 })).toEqual([]);
  expect(wrongWith({ budget: 20, parts: 21 })).toEqual([
    [['parts'], 'expected at most as many parts as subnets that are evaluated (20), got 21'],
  ]);
});

test('a supernet, classes and images that do not fit together are refused', () => {
  const most = space.ratios.length;
  expect(wrongWith({ supernet: { ...supernet, groups: most } })).toEqual([]);
  expect(wrongWith({ supernet: { ...supernet, groups: most + 1 } })).toEqual([
    [['supernet'], `expected 1..${most} groups (the space has that many widths), got ${most + 1}`],
  ]);
  expect(wrongWith({ n_classes: classes + 1 })).toEqual([
    [['n_classes'], `expected ${classes}, as the data set ${dataset.name} has, got ${classes + 1}`],
  ]);
  const { resolution, channels } = dataset;
  const imagesOf = (pixels: number, colours: number): string =>
    `expected images of ${resolution} pixels and ${channels} channels, as ${dataset.name} has, got ${pixels} and ${colours}`;
  // Either alone is enough to be wrong; of several resolutions the last is that of the images.
  const larger = [...space.resolutions, resolution + 8];
  expect(wrongWith({ space: { ...space, resolutions: larger } })).toEqual([
    [['space'], imagesOf(resolution + 8, channels)],
  ]);
  expect(wrongWith({ space: { ...space, resolutions: [resolution - 4, resolution] } })).toEqual([]);
  expect(wrongWith({ space: { ...space, channels: 4 - channels } })).toEqual([
    [['space'], imagesOf(resolution, 4 - channels)],
  ]);
});

test('more calibration images than the part has are refused', () => {
  expect(wrongWith(wanting(IMAGES, 1))).toEqual([]);
  expect(wrongWith(wanting(1, IMAGES))).toEqual([]);
  expect(wrongWith(wanting(2, IMAGES))).toEqual([
    [['calibration'], `expected at most the ${IMAGES} images of calibration, got ${2 * IMAGES}; lower batches`],
  ]);
});
