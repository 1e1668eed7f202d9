import path from 'node:path';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { ImageListConfig, PartName } from '../../configs/dataset-schema.ts';
import { plainBatches, trainingBatches } from '../../nas/data/batches.ts';
import type { Batch, TrainingOrder } from '../../nas/data/batches.ts';
import type { Draw } from '../../nas/data/dataset.ts';
import { BadInput, endingOf, isTriedAgain } from '../../plan/endings.ts';
import { ImageLoader } from '../../nas/data/images/loader.ts';
import { testImage } from '../../nas/data/pictures.ts';
import { smallConfig, writeImageFolder } from '../support/image-folder.ts';
import { openDataset } from '../../nas/data/open.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

const CLASSES = 3;
const PER_CLASS = 8;
const root = sharedFolder();

beforeAll(async () => {
  await writeImageFolder(root, { classes: CLASSES, train: PER_CLASS, val: 0 });
  const files = readdirSync(path.join(root, 'train'), { recursive: true, encoding: 'utf8' });
  const wnids = readdirSync(path.join(root, 'train')).toSorted();
  const lines = files.flatMap((file) =>
    file.endsWith('.JPEG') ? [`train/${file} ${wnids.indexOf(path.dirname(file))}`] : [],
  );
  writeFileSync(path.join(root, 'all.txt'), `${lines.toSorted().join('\n')}\n`);
});

/** The list is of the parts that train, or of that one; images of 32 pixels. */
function configOf(list = 'all.txt', images = CLASSES * PER_CLASS, part?: PartName): ImageListConfig {
  const file = { list, images };
  return smallConfig(root, CLASSES, part ? { [part]: file } : { training: file, 'ground-truth-training': file });
}

const order: TrainingOrder = { seed: 3, epoch: 2, batchSize: 5, augment: true, from: 0, dropLast: false };

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

const digestOf = async (batches: AsyncIterable<Batch>): Promise<string> => digest(await collect(batches)).slice(0, 16);

function digest(batches: readonly Batch[]): string {
  const hash = createHash('sha256');
  for (const batch of batches) hash.update(batch.images).update(batch.labels).update(batch.indices);
  return hash.digest('hex');
}

test('an epoch is the same with one thread and with three, and its rest is the same as its end', async () => {
  vi.stubEnv('NAS_LOADER_THREADS', '3');
  const dataset = await openDataset(configOf());
  const whole = await collect(trainingBatches(dataset, dataset.part('training'), order));
  expect(whole.map(({ labels }) => labels.length)).toEqual([5, 5, 5, 5, 4]);
  vi.stubEnv('NAS_LOADER_THREADS', '1');
  const again = await openDataset(configOf());
  const part = again.part('training');
  expect(digest(await collect(trainingBatches(again, part, order)))).toBe(digest(whole));
  expect(digest(await collect(trainingBatches(again, part, { ...order, from: 3 })))).toBe(digest(whole.slice(3)));
  const next = await collect(trainingBatches(again, part, { ...order, epoch: 3 }));
  expect(digest(next)).not.toBe(digest(whole));
  const alone = await collect(trainingBatches(again, again.part('ground-truth-training'), order));
  expect(digest(alone)).not.toBe(digest(whole));
  vi.unstubAllEnvs();
});

test('plain batches take the classes in turns, and are the test images of their files', async () => {
  const dataset = await openDataset(configOf('all.txt', CLASSES * PER_CLASS, 'test'));
  const part = dataset.part('test');
  expect([...part.labels.subarray(0, 7)]).toEqual([0, 1, 2, 0, 1, 2, 0]);
  const [first] = await collect(plainBatches(dataset, part, { batchSize: 4, limit: 4 }));
  const wnids = readdirSync(path.join(root, 'train')).toSorted();
  const second = path.join(root, 'train', wnids[1]!, `${wnids[1]}_0.JPEG`);
  const image = await testImage(second, configOf());
  expect(first!.images.slice(image.length, 2 * image.length)).toEqual(image);
});

test('an image is augmented anew in every epoch, and the same again in the same one', async () => {
  const part = (await openDataset(configOf())).part('training');
  const imageOf = async (draw: Draw): Promise<Float32Array> => {
    const image = new Float32Array(new SharedArrayBuffer(32 * 32 * 3 * 4));
    await part.read(Int32Array.of(4), draw, image);
    return image;
  };
  const first = await imageOf({ seed: 3, epoch: 1 });
  expect(await imageOf({ seed: 3, epoch: 1 })).toEqual(first);
  expect(await imageOf({ seed: 3, epoch: 2 })).not.toEqual(first);
  expect(await imageOf({ seed: 4, epoch: 1 })).not.toEqual(first);
});

test('batches hold the same bytes as ever', async () => {
  const images = ['grey.jpg', 'palette.png', 'plain.png', 'progressive.jpg', 'tall.jpg', 'transparent.png', 'wide.jpg'];
  const list = path.join(root, 'fixtures.txt');
  writeFileSync(list, images.map((name, at) => `${name} ${at % CLASSES}\n`).join(''));
  const fixtures = path.join(import.meta.dirname, '..', 'fixtures', 'images');
  const dataset = await openDataset({ ...configOf(list, images.length), root: fixtures });
  const epoch = { ...order, batchSize: 4 };
  expect(await digestOf(trainingBatches(dataset, dataset.part('training'), epoch))).toBe('88645be23fb899b4');
  expect(await digestOf(trainingBatches(dataset, dataset.part('ground-truth-training'), epoch))).toBe(
    '3f9c19957a80e493',
  );
  const plain = plainBatches(dataset, dataset.part('training'), { batchSize: 4 });
  expect(await digestOf(plain)).toBe('065c0304c4523f2b');
});

async function readSome(broken: number): Promise<Batch[]> {
  const dataset = await openDataset({ ...configOf('some.txt', 4, 'test'), broken_images: broken });
  return await collect(plainBatches(dataset, dataset.part('test'), { batchSize: 4 }));
}

/** A list of four: two good pictures about two that are not. */
function writeSome(...bad: readonly [string, string]): void {
  const [some, another] = readdirSync(path.join(root, 'train'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.JPEG'),
  );
  const lines = [`train/${some} 0`, `${bad[0]} 1`, `${bad[1]} 2`, `train/${another} 0`];
  writeFileSync(path.join(root, 'some.txt'), lines.join('\n'));
}

test('a broken image is an error that names it, or is left out and counted', async () => {
  vi.stubEnv('NAS_LOADER_THREADS', '2');
  mkdirSync(path.join(root, 'bad'), { recursive: true });
  writeFileSync(path.join(root, 'bad', 'text.JPEG'), 'no picture');
  writeFileSync(path.join(root, 'bad', 'empty.JPEG'), '');
  writeSome('bad/text.JPEG', 'bad/empty.JPEG');
  const refused = await readSome(1).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(BadInput);
  expect(refused).toHaveProperty(
    'message',
    expect.stringMatching(
      /bad\/(text|empty)\.JPEG: expected an image that can be decoded, got: .*; mend the file, take it off the list/,
    ),
  );
  const notes = vi.spyOn(console, 'error').mockImplementation(() => {});
  const [batch] = await readSome(2);
  expect(notes).toHaveBeenCalledTimes(2);
  expect([[...batch!.labels], [...batch!.indices]]).toEqual([
    [0, 0],
    [0, 3],
  ]);
  const values = 32 * 32 * 3;
  expect(batch!.images.length).toBe(2 * values);
  expect(batch!.images.every(Number.isFinite)).toBe(true);
  expect(batch!.images.subarray(0, values)).not.toEqual(batch!.images.subarray(values));
  vi.unstubAllEnvs();
});

// A folder in a file's place cannot be read, as a file on a disk that fails.
test('a file that the system cannot read is no broken image: the stage is tried again, however many may be left out', async () => {
  mkdirSync(path.join(root, 'bad', 'folder.JPEG'), { recursive: true });
  writeFileSync(path.join(root, 'bad', 'empty.JPEG'), '');
  vi.spyOn(console, 'error').mockImplementation(() => {});
  writeSome('bad/folder.JPEG', 'bad/empty.JPEG');
  const fault = await readSome(4).catch((error: unknown) => error);
  expect(fault).toHaveProperty('message', expect.stringMatching(/bad\/folder\.JPEG: expected a file .*, got EISDIR/));
  expect(isTriedAgain(endingOf(fault))).toBe(true);
  writeSome('bad/none.JPEG', 'bad/empty.JPEG');
  const missing = await readSome(4).catch((error: unknown) => error);
  expect(missing).toHaveProperty('message', expect.stringMatching(/bad\/none\.JPEG: expected a file .*, got ENOENT/));
  expect(isTriedAgain(endingOf(missing))).toBe(true);
});

async function openTest(config: ImageListConfig): Promise<unknown> {
  return (await openDataset(config)).part('test');
}

test('a list that is missing, wrong or of another length is told with its place', async () => {
  await expect(openTest(configOf('none.txt', 1, 'test'))).rejects.toThrow(
    /none\.txt: expected a list of images, got none; write it with nas data imagenet/,
  );
  await expect(openTest(configOf('all.txt', 25, 'test'))).rejects.toThrow(/all\.txt: expected 25 images, .*, got 24; /);
  writeFileSync(path.join(root, 'wrong.txt'), 'a.JPEG 0\nb.JPEG 3\n');
  await expect(openTest(configOf('wrong.txt', 2, 'test'))).rejects.toThrow(
    /wrong\.txt:2: expected a path, a space and a class 0\.\.2, got "b\.JPEG 3"/,
  );
  writeFileSync(path.join(root, 'gap.txt'), 'a.JPEG 0\n\nb.JPEG 1\n');
  await expect(openTest(configOf('gap.txt', 2, 'test'))).rejects.toThrow(/gap\.txt:2: expected a path, .*, got ""/);
});

test('a list as Windows writes it, with a mark at its beginning and two bytes at the end of a line, is the same list', async () => {
  const windows = readFileSync(path.join(root, 'all.txt'), 'utf8').replaceAll('\n', '\r\n');
  writeFileSync(path.join(root, 'windows.txt'), `\uFEFF${windows}`);
  const [dataset, same] = [await openDataset(configOf()), await openDataset(configOf('windows.txt'))];
  expect(await digestOf(trainingBatches(same, same.part('training'), order))).toBe(
    await digestOf(trainingBatches(dataset, dataset.part('training'), order)),
  );
});

test('batches that nobody wants any more are not made', async () => {
  const dataset = await openDataset(configOf());
  const part = dataset.part('training');
  let asked = 0;
  let made = 0;
  const counted = {
    ...part,
    read: async (...given: Parameters<typeof part.read>) => {
      asked++;
      const left = await part.read(...given);
      if (given[3]?.aborted !== true) made++;
      return left;
    },
  };
  for await (const batch of trainingBatches(dataset, counted, { ...order, batchSize: 4 })) {
    expect(batch.labels.length).toBe(4);
    break;
  }
  expect(asked).toBe(3);
  expect(made).toBeLessThanOrEqual(3);
});

/** A loader of two threads. */
function opened(): ImageLoader {
  return new ImageLoader({ resolution: 32, normalise: configOf().normalise, resize: 36 }, 2);
}

/** One picture, so many times. */
function job(count: number) {
  const folder = path.join(root, 'train', readdirSync(path.join(root, 'train'))[0]!);
  const file = path.join(folder, readdirSync(folder)[0]!);
  const images = new Float32Array(new SharedArrayBuffer(count * 32 * 32 * 3 * 4));
  return { files: Array.from({ length: count }, () => file), training: null, images };
}

const itsEnd = /image loader: expected its threads to go on, got the end of one/;

describe('a loader', () => {
  test('that is closed fails what is under way, and works again after it', async () => {
    const loader = opened();
    const failed = expect(loader.load(job(8000))).rejects.toThrow(itsEnd);
    await sleep(300);
    await loader.close();
    await failed;
    expect(await loader.load(job(2))).toEqual([]);
    await loader.close();
  });

  test('one of whose threads fails fails what is under way, and works again after it', async () => {
    const loader = opened();
    const without = { ...job(2), images: new Float32Array(new SharedArrayBuffer(4)) };
    const failed = [loader.load(without), loader.load(job(4000))].map((one) => expect(one).rejects.toThrow());
    await Promise.all(failed);
    expect(await loader.load(job(2))).toEqual([]);
    await loader.close();
  });

  // Native code that is being loaded would end the process.
  test('may be closed while its threads begin', async () => {
    for (let wait = 0; wait < 200; wait += 40) {
      const loader = opened();
      const failed = expect(loader.load(job(4000))).rejects.toThrow(itsEnd);
      await sleep(wait);
      await loader.close();
      await failed;
    }
  });
});
