import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  activityIdOf,
  cellsOf,
  childIdOf,
  devicesOf,
  devicesOfQueue,
  parseActivityId,
  queueOf,
} from '../../plan/names.ts';

test('the queue of work for several devices has their number in its name, and is read as it was written', () => {
  expect([1, 2, 12].map((devices) => queueOf('gpu', devices))).toEqual(['gpu', 'gpu.2', 'gpu.12']);
  fc.assert(
    fc.property(fc.constantFrom('gpu', 'control', 'two.parts'), fc.integer({ min: 1, max: 200 }), (name, devices) => {
      expect(devicesOfQueue(queueOf(name, devices))).toEqual({ name, devices });
    }),
  );
  for (const name of ['gpu.0', 'gpu.2x', 'gpu.x2', 'gpu.']) expect(devicesOfQueue(name)).toEqual({ name, devices: 1 });
});

test('a stage takes a device for each of its ranks, and one where that is no number of ranks', () => {
  expect([{ ranks: 2 }, { ranks: 8 }].map(devicesOf)).toEqual([2, 8]);
  for (const ranks of [1, 0, -2, 2.5, '4', null]) expect(devicesOf({ ranks }), JSON.stringify(ranks)).toBe(1);
  expect(devicesOf({})).toBe(1);
});

test('cells, sub-pipelines and activities are named after their stage, cells from 1, rounds from the second', () => {
  expect(cellsOf({ id: 'rank', matrix: null })).toEqual([{ id: 'rank', values: {} }]);
  expect(cellsOf({ id: 'rank', matrix: [{ part: 5 }, { part: 7 }] })).toEqual([
    { id: 'rank.1', values: { part: 5 } },
    { id: 'rank.2', values: { part: 7 } },
  ]);
  expect(childIdOf('run', 'sub.2')).toBe('run.sub.2');
  expect(['rank', 'rank.3'].flatMap((cell) => [activityIdOf(cell, 1), activityIdOf(cell, 2)])).toEqual([
    'rank',
    'rank~2',
    'rank.3',
    'rank.3~2',
  ]);
  expect(['rank', 'rank~2', 'rank.3~12'].map(parseActivityId)).toEqual([
    { stage: 'rank', cell: null, round: 1 },
    { stage: 'rank', cell: null, round: 2 },
    { stage: 'rank', cell: '3', round: 12 },
  ]);
});
