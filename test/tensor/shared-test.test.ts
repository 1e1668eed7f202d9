import { beforeEach, expect, test } from 'vitest';
import { openDataset } from '../../nas/data/open.ts';
import { testSubnets } from '../../nas/evaluation/evaluate.ts';
import { randomOf } from '../../nas/space/random.ts';
import { randomArchitecture } from '../../nas/space/sampling.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import type { Ranks } from '../../nas/supernet/ranks.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { sharedTest } from '../../nas/training/shared-test.ts';
import { withSlowClock } from '../support/stage-here.ts';
import { tinySupernet } from '../support/training-configs.ts';

const { space, dataset: of, calibration, selection } = tinySupernet();
const net = Supernet.build({ space, classes: 10, groups: 1, seed: 3 });
const random = randomOf(5, 'subnets');
const subnets = Array.from({ length: 5 }, () => subnetOf(space, randomArchitecture(space, random)));
const images = { calibration, test: selection };

beforeEach(withSlowClock);

/** A rank that learns what the others have said, and says to them what it has to say; the sums of training are not asked for. */
function rankOf(rank: number, rows: number[][]): Ranks {
  const gather = (values: readonly number[]): number[][] => {
    rows[rank] = [...values];
    return rows;
  };
  return { ...alone, rank, size: rows.length, gather };
}

/** The answers of all ranks, one after the other: the last one has heard them all. */
async function sharedBy(size: number, stopped: number | null = null, some = subnets) {
  const dataset = await openDataset(of);
  const rows = Array.from({ length: size }, (): number[] => []);
  const tested: number[] = [];
  const answer = async (rank: number) => {
    const watch = { onProgress: () => void tested.push(rank), shouldStop: () => rank === stopped };
    return await sharedTest(net, some, dataset, images, watch, rankOf(rank, rows));
  };
  for (let rank = 0; rank < size; rank++) await answer(rank).catch(() => undefined);
  return { scores: await answer(size - 1), tested: new Set(tested) };
}

test('ranks that share a test have the scores that one process has, each in its place', async () => {
  const dataset = await openDataset(of);
  const watch = { onProgress: () => undefined, shouldStop: () => false };
  const plain = await testSubnets(net, subnets, dataset, images, watch);
  expect(plain).toHaveLength(5);
  for (const size of [2, 3]) {
    const { scores, tested } = await sharedBy(size);
    expect(scores).toEqual(plain);
    expect(tested.size).toBe(size);
  }
  expect(await sharedTest(net, subnets, dataset, images, watch, alone)).toEqual(plain);
});

test('of more ranks than subnets some test none', async () => {
  const { scores, tested } = await sharedBy(3, null, subnets.slice(0, 2));
  expect(scores).toHaveLength(2);
  expect(tested).toEqual(new Set([0, 1]));
});

test('where one rank is stopped all are', async () => {
  expect((await sharedBy(2, 0)).scores).toBe('stopped');
  expect((await sharedBy(2, 1)).scores).toBe('stopped');
});
