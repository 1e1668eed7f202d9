import { setTimeout } from 'node:timers/promises';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { plainBatches, stepsPerEpoch, trainingBatches } from '../../nas/data/batches.ts';
import type { Batch, TrainingOrder } from '../../nas/data/batches.ts';
import type { Dataset, Draw, Part } from '../../nas/data/dataset.ts';

const SIDE = 2;
const VALUES = SIDE * SIDE * 3;

/** Images that say what they are: position, then the draw's seed and epoch; some of them are broken. */
function partOf(size: number, broken: ReadonlySet<number>): Part {
  return {
    name: 'training',
    size,
    sha256: '',
    labels: Uint16Array.from({ length: size }, (_, position) => 1000 + position),
    async read(positions: Int32Array, draw: Draw | null, target: Float32Array): Promise<ReadonlySet<number>> {
      positions.forEach((position, at) => target.set([position, draw?.seed ?? -1, draw?.epoch ?? -1, 0], at * VALUES));
      return new Set(positions.filter((position) => broken.has(position)));
    },
  };
}

function datasetOf(part: Part): Dataset {
  return {
    name: 'x',
    classes: 10,
    channels: 3,
    resolution: SIDE,
    normalise: { mean: [0], std: [1] },
    part: () => part,
  };
}

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const epochs = fc.record({
  size: fc.integer({ min: 1, max: 40 }),
  batchSize: fc.integer({ min: 1, max: 12 }),
  dropLast: fc.boolean(),
  seed: fc.integer(),
  epoch: fc.nat(9),
  ranks: fc.integer({ min: 1, max: 4 }),
  broken: fc.uniqueArray(fc.nat(39), { maxLength: 5 }),
});

/** The position of each image of a batch, each checked to be the whole of what it should be. */
function positionsOf({ images, labels, indices }: Batch, draw: [number, number]): number[] {
  expect(images).toHaveLength(VALUES * indices.length);
  return [...indices].map((position, at) => {
    expect([...images.subarray(at * VALUES, at * VALUES + 4)]).toEqual([position, ...draw.map(Math.fround), 0]);
    expect(labels[at]).toBe(1000 + position);
    return position;
  });
}

test('an epoch has each image once, in batches that ranks share out and that can begin anywhere', async () => {
  await fc.assert(
    fc.asyncProperty(epochs, async ({ size, batchSize, dropLast, seed, epoch, ranks, broken }) => {
      const part = partOf(size, new Set(broken));
      const order: TrainingOrder = { seed, epoch, batchSize, augment: true, from: 0, dropLast };
      const whole = await collect(trainingBatches(datasetOf(part), part, order));
      const steps = stepsPerEpoch(part, batchSize, dropLast);
      expect(steps).toBe(dropLast ? Math.floor(size / batchSize) : Math.ceil(size / batchSize));
      expect(whole).toHaveLength(steps);
      const shown = whole.map((batch) => positionsOf(batch, [seed, epoch]));
      const all = shown.flat();
      expect(new Set(all).size).toBe(all.length);
      const good = [...Array(size).keys()].filter((position) => !broken.includes(position));
      expect(good).toEqual(expect.arrayContaining(all));
      if (!dropLast) expect(all).toHaveLength(good.length);
      const from = Math.floor(steps / 2);
      expect(await collect(trainingBatches(datasetOf(part), part, { ...order, from }))).toEqual(whole.slice(from));
      const shares: Batch[][] = [];
      for (let rank = 0; rank < ranks; rank++) {
        shares.push(await collect(trainingBatches(datasetOf(part), part, { ...order, share: { rank, size: ranks } })));
      }
      shown.forEach((positions, step) => {
        expect(shares.flatMap((share) => [...share[step]!.indices])).toEqual(positions);
        // No rank has more than one image more than another, but for those that are broken.
        const sizes = shares.map((share) => share[step]!.indices.length);
        if (broken.length === 0) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      });
    }),
    { numRuns: 50 },
  );
});

test('plain batches are the first images in their own order, and nothing is drawn', async () => {
  await fc.assert(
    fc.asyncProperty(
      epochs,
      fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
      async ({ size, batchSize }, limit) => {
        const part = partOf(size, new Set());
        const wanted = Math.min(limit ?? size, size);
        const batches = await collect(
          plainBatches(datasetOf(part), part, { batchSize, ...(limit === undefined ? {} : { limit }) }),
        );
        expect(batches.flatMap((batch) => positionsOf(batch, [-1, -1]))).toEqual([...Array(wanted).keys()]);
        expect(
          batches
            .map(({ indices }) => indices.length)
            .slice(0, -1)
            .every((length) => length === batchSize),
        ).toBe(true);
      },
    ),
    { numRuns: 50 },
  );
});

test('two batches are read ahead of the one in use, and none any more where nobody wants the rest', async () => {
  const signals: AbortSignal[] = [];
  const part = partOf(40, new Set());
  const watched: Part = {
    ...part,
    async read(positions, draw, target, signal) {
      signals.push(signal!);
      return await part.read(positions, draw, target);
    },
  };
  const batches = plainBatches(datasetOf(watched), watched, { batchSize: 4 });
  await batches.next();
  expect(signals).toHaveLength(3);
  await batches.next();
  expect(signals).toHaveLength(4);
  expect(signals.some(({ aborted }) => aborted)).toBe(false);
  await batches.return(undefined);
  expect(signals).toHaveLength(4);
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
});

test('a batch that cannot be read fails when its turn comes, however early that was known', async () => {
  const lost: unknown[] = [];
  const onLost = (reason: unknown): void => void lost.push(reason);
  process.on('unhandledRejection', onLost);
  onTestFinished(() => void process.off('unhandledRejection', onLost));
  const part = partOf(12, new Set());
  const failing: Part = {
    ...part,
    async read(positions, draw, target) {
      if (positions[0] === 8) throw new Error('no such image');
      // The first comes late, the next while it is in use.
      await setTimeout(20);
      return await part.read(positions, draw, target);
    },
  };
  const batches = plainBatches(datasetOf(failing), failing, { batchSize: 4 });
  for (const first of [0, 4]) {
    expect((await batches.next()).value?.indices[0]).toBe(first);
    await setTimeout(20);
  }
  expect(lost).toEqual([]);
  await expect(batches.next()).rejects.toThrow('no such image');
});
