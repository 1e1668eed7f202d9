import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { plainBatches } from '../../nas/data/batches.ts';
import type { Batch } from '../../nas/data/batches.ts';
import { readPicture } from '../../nas/data/pictures.ts';
import { deploy } from '../../nas/deployment/deploy.ts';
import { referenceLogits } from '../support/reference.ts';
import { parseArchCode } from '../../nas/space/arch-code.ts';
import { subnetOf } from '../../nas/space/space.ts';
import { saveSupernet } from '../../nas/supernet/weights.ts';
import { smallConfig, writeImageFolder } from '../support/image-folder.ts';
import { tinySpace, tinySupernet } from '../support/tiny-supernet.ts';
import { openDataset, classNamesOf } from '../../nas/data/open.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

const CLASSES = 3;
const ARCH = '12223311321300';
const root = sharedFolder();
let config: ImageListConfig;
let files: string[];

beforeAll(async () => {
  await writeImageFolder(root, { classes: CLASSES, train: 4, val: 0 });
  const found = readdirSync(path.join(root, 'train'), { recursive: true, encoding: 'utf8' });
  files = found.filter((name) => name.endsWith('.JPEG')).toSorted();
  const classes = [...new Set(files.map((file) => path.dirname(file)))];
  const lines = files.map((file) => `train/${file} ${classes.indexOf(path.dirname(file))}`);
  writeFileSync(path.join(root, 'all.txt'), `${lines.join('\n')}\n`);
  config = smallConfig(root, CLASSES, { calibration: { list: 'all.txt', images: files.length } });
});

test('of pictures as ImageNet has them the logits are those of the evaluation', async () => {
  const dataset = await openDataset(config);
  const batchesOf = async (batchSize: number, limit: number): Promise<Batch[]> => {
    const all: Batch[] = [];
    for await (const batch of plainBatches(dataset, dataset.part('calibration'), { batchSize, limit })) all.push(batch);
    return all;
  };
  const net = tinySupernet(2, { classes: CLASSES });
  const file = path.join(root, 'supernet.safetensors');
  const { sha256 } = saveSupernet(net, file);
  const subnet = subnetOf(tinySpace, parseArchCode(tinySpace, ARCH));
  const [expected] = referenceLogits(net, subnet, await batchesOf(4, 8), await batchesOf(3, 3));
  net.dispose();

  const told: number[] = [];
  const calibration = { part: 'calibration', batches: 2, batch_size: 4 } as const;
  const source = { file, sha256, groups: 2, space: tinySpace, dataset: config, calibration, arch: ARCH, threads: 1 };
  // The part takes the classes in turns: its first images are the first of each class.
  const pictures = [0, 4, 8].map((at) => path.join(root, 'train', files[at]!));
  const { logits, network } = await deploy(
    { network: { kind: 'supernet', ...source }, write: [], pictures },
    (message) => message.type === 'progress' && told.push(message.batches),
  );
  expect(Math.max(...logits.flat().map((value, at) => Math.abs(value - expected![at]!)))).toBeLessThan(1e-5);
  expect(told).toEqual([1, 2]);
  expect(network).toMatchObject({ class_names: null, picture: { channels: 3, resize: 36, crop: 32 } });
});

test('logits that are not finite are refused, with the pictures that gave them', async () => {
  const net = tinySupernet(1, { classes: CLASSES });
  const weight = net.parameters.get('classifier.linear.linear.weight');
  weight.assign(weight.read().map((value) => Math.sign(value) * 3e38));
  const file = path.join(root, 'large.safetensors');
  const { sha256 } = saveSupernet(net, file);
  net.dispose();
  const calibration = { part: 'calibration', batches: 1, batch_size: 4 } as const;
  const source = { file, sha256, groups: 1, space: tinySpace, dataset: config, calibration, arch: ARCH, threads: 1 };
  const picture = path.join(root, 'train', files[0]!);
  await expect(
    deploy({ network: { kind: 'supernet', ...source }, write: [], pictures: [picture] }, () => {}),
  ).rejects.toThrow(`${picture}: expected finite logits, got NaN or infinity`);
});

test('a network for grey images sees the brightness of a coloured picture', async () => {
  const file = path.join(root, 'red.png');
  await sharp({ create: { width: 50, height: 40, channels: 3, background: { r: 255, g: 0, b: 51 } } }).toFile(file);
  const image = await readPicture(file, { channels: 1, resize: 28, crop: 28, mean: [0.25], std: [0.5] });
  expect(image).toHaveLength(28 * 28);
  expect(image[400]).toBeCloseTo((0.299 + 0.114 * 0.2 - 0.25) / 0.5, 6);
});

test('what is no picture is refused by its name, and what cannot be read is a fault', async () => {
  const file = path.join(root, 'none.png');
  writeFileSync(file, 'no picture');
  const transform = { channels: 3 as const, resize: 28, crop: 28, mean: [0, 0, 0], std: [1, 1, 1] };
  await expect(readPicture(file, transform)).rejects.toThrow(
    /none\.png: expected a picture that can be decoded, got: .+; give a JPEG or PNG$/,
  );
  await expect(readPicture(path.join(root, 'gone.png'), transform)).rejects.toThrow(
    /gone\.png: expected a file .*ENOENT/,
  );
});

test('names of classes are those in class_names.txt, a line each, or none', async () => {
  expect(await classNamesOf(config)).toBeNull();
  const names = path.join(root, 'class_names.txt');
  writeFileSync(names, 'tench\ngoldfish\ngreat white shark\n');
  expect(await classNamesOf(config)).toEqual(['tench', 'goldfish', 'great white shark']);
  writeFileSync(names, 'tench\n');
  await expect(classNamesOf(config)).rejects.toThrow('class_names.txt: expected 3 lines, a class each, got 1');
});
