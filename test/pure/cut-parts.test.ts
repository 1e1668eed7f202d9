import { expect, test } from 'vitest';
import { cutParts, withoutBroken } from '../../nas/data/imagenet/cut.ts';
import type { Entry, Found } from '../../nas/data/imagenet/folder.ts';

const entries = (part: string, perClass: number, classes = 3): Entry[] =>
  Array.from({ length: classes * perClass }, (_, at) => ({ path: `${part}/${at}.png`, label: at % classes }));

const found: Found = {
  folders: ['cat', 'cow', 'dog'],
  classes: 3,
  train: entries('train', 6),
  valid: entries('val', 5),
  selection: null,
  leftOut: [],
  notes: [],
};
const sizes = { calibration: 7, selection: 4, groundTruth: 6 };

const countsOf = (part: readonly Entry[]): number[] =>
  [0, 1, 2].map((label) => part.filter((entry) => entry.label === label).length).toSorted((a, b) => a - b);
const pathsOf = (part: readonly Entry[]): string[] => part.map((entry) => entry.path);

test('parts are as large as asked for, hold as many of every class, and share no image', () => {
  const cut = cutParts(found, sizes, 1);
  expect([cut.calibration, cut.selection, cut.groundTruth, cut.rest].map(countsOf)).toEqual([
    [2, 2, 3],
    [1, 1, 2],
    [2, 2, 2],
    [3, 4, 4],
  ]);
  expect(new Set(pathsOf([...cut.calibration, ...cut.rest]))).toEqual(new Set(pathsOf(found.train)));
  expect(new Set(pathsOf([...cut.selection, ...cut.groundTruth])).size).toBe(10);
  for (const { path, label } of [...cut.selection, ...cut.groundTruth, ...cut.calibration]) {
    expect([...found.train, ...found.valid]).toContainEqual({ path, label });
  }
  expect([cut.train, cut.valid]).toEqual([found.train, found.valid]);
});

test('the seed alone decides what is drawn, whatever order the images come in by class', () => {
  expect(cutParts(found, sizes, 1)).toEqual(cutParts(found, sizes, 1));
  expect(pathsOf(cutParts(found, sizes, 2).calibration)).not.toEqual(pathsOf(cutParts(found, sizes, 1).calibration));
  const byClass = { ...found, train: found.train.toSorted((a, b) => b.label - a.label) };
  expect(cutParts(byClass, sizes, 1).calibration).toEqual(cutParts(found, sizes, 1).calibration);
});

test('a selection that is given is kept, and what measures is drawn from the others', () => {
  const selection = found.valid.slice(0, 8);
  const cut = cutParts({ ...found, selection }, sizes, 1);
  expect(cut.selection).toEqual(selection);
  expect(cut.groundTruth.filter((entry) => selection.includes(entry))).toEqual([]);
});

test('one image at least has to be left of what a part is drawn from', () => {
  const most = { ...sizes, groundTruth: 10, selection: 4 };
  expect(cutParts(found, most, 1).selection).toHaveLength(4);
  expect(() => cutParts(found, { ...most, selection: 5 }, 1)).toThrow(
    '--selection 5: expected fewer than the 5 images that are left for it, got 5; lower it',
  );
  expect(() => cutParts(found, { ...sizes, groundTruth: 15 }, 1)).toThrow(
    '--ground-truth 15: expected fewer than the 15',
  );
});

test('no class loses all its training images, nor all that can be decoded', () => {
  expect(() => cutParts(found, { ...sizes, calibration: 17 }, 1)).toThrow(
    /^--calibration 17: expected images of every class to be left for training, got none of (cat|cow|dog), (cat|cow|dog); lower it$/,
  );
  const broken = found.valid.filter(({ label }) => label === 1).map(({ path }) => ({ path, reason: 'cut' }));
  const few = withoutBroken({ ...found, selection: found.valid.slice(0, 3) }, broken.slice(0, 2));
  expect([few.train.length, few.valid.length, few.selection?.length]).toEqual([18, 13, 2]);
  expect(() => withoutBroken(found, broken)).toThrow(
    '--skip-broken: expected validation images of the class cow that can be decoded, got broken ones alone; mend one',
  );
  const all = found.train.filter(({ label }) => label === 2).map(({ path }) => ({ path, reason: 'cut' }));
  expect(() => withoutBroken({ ...found, folders: null }, all)).toThrow('expected training images of the class 2 that');
});
