import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { freeAddresses } from '../../runtime/collectives/cluster.ts';
import { isLong } from '../support/long.ts';
import type { RankResult, RankTask } from '../support/rank-process.ts';
import { programFile } from '../../runtime/layout.ts';

type Training = Pick<RankTask, 'images' | 'steps' | 'precision' | 'inParts' | 'tested'>;

async function runOf(task: RankTask): Promise<RankResult> {
  const program = [programFile('test/support/rank-process.ts'), JSON.stringify(task)];
  const env = { ...process.env, TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' };
  const { stdout } = await promisify(execFile)(process.execPath, program, { env, maxBuffer: 1e8 });
  return JSON.parse(stdout);
}

/** What each rank came to; all in processes of their own. */
async function trainedByRanks(training: Training): Promise<RankResult[]> {
  const addresses = await freeAddresses(training.images.length);
  return await Promise.all(addresses.map(async (_, rank) => await runOf({ ...training, rank, addresses })));
}

/** What one process with the images of all ranks came to. */
async function trainedAlone(training: Training): Promise<RankResult> {
  return await runOf({ ...training, rank: 0, addresses: [] });
}

const farthest = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((most, value, at) => Math.max(most, Math.abs(value - b[at]!)), a.length === b.length ? 0 : Infinity);

/** Distance of the weights, relative to their length. */
function apart(a: RankResult, b: RankResult): number {
  return Math.hypot(...a.weights.map((value, at) => value - b.weights[at]!)) / Math.hypot(...b.weights);
}

// Two cores for up to four processes, and perhaps for other tests beside them.
vi.setConfig({ testTimeout: 300_000 });

test('two ranks train as one process that takes its BN statistics of two halves, and as one with the whole batch', async () => {
  const training = { images: [32, 32], steps: 10, precision: 'float32' } as const;
  const [first, second] = await trainedByRanks(training);
  const halves = await trainedAlone({ ...training, inParts: true });
  const whole = await trainedAlone(training);
  expect(second!.sha256).toBe(first!.sha256);
  expect(second!.losses).toEqual(first!.losses);
  expect(farthest(first!.losses.flat(), halves.losses.flat())).toBeLessThan(1e-6);
  expect(apart(first!, halves)).toBeLessThan(1e-5);
  expect(first!.top1).toEqual(halves.top1);
  expect(farthest(first!.losses[0]!, whole.losses[0]!)).toBeLessThan(1e-6);
  expect(farthest(first!.losses.flat(), whole.losses.flat())).toBeLessThan(1e-4);
  expect(apart(first!, whole)).toBeLessThan(3e-4);
});

const sizes = [
  [2, 'bf16'],
  ...(isLong
    ? ([
        [2, 'float32'],
        [4, 'float32'],
      ] as const)
    : []),
] as const;
test.each(sizes)('%s ranks in %s come to the same bits, each of them and each time', async (size, precision) => {
  const training = { images: Array.from({ length: size }, () => 16), steps: 3, precision };
  const hashes: string[] = [];
  for (let repetition = 0; repetition < (isLong ? 3 : 2); repetition++) {
    hashes.push(...(await trainedByRanks(training)).map(({ sha256 }) => sha256));
  }
  expect(new Set(hashes).size).toBe(1);
});

const unequal = { images: [20, 9, 3], steps: 5, precision: 'float32', tested: [1, 12] } as const;
let ofThree: Promise<RankResult[]> | undefined;
const trainedByThree = async (): Promise<RankResult[]> => await (ofThree ??= trainedByRanks(unequal));

test('a short batch counts by its images: ranks with unequal shares train as one process with all of them', async () => {
  const [first] = await trainedByThree();
  const parts = await trainedAlone({ ...unequal, tested: [], inParts: true });
  expect(farthest(first!.losses.flat(), parts.losses.flat())).toBeLessThan(1e-6);
  expect(apart(first!, parts)).toBeLessThan(1e-5);
});

test.each(unequal.tested)(
  '%i subnets that ranks test together have the scores that one process finds',
  async (count) => {
    const results = await trainedByThree();
    const at = unequal.tested.indexOf(count);
    const alone = results[0]!.scores[at]!.alone;
    expect(alone).toHaveLength(count);
    for (const { scores } of results) expect(scores[at]!.shared).toEqual(alone);
  },
);
