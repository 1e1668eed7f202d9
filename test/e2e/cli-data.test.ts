import path from 'node:path';
import { load } from 'js-yaml';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { ImageList } from '../../configs/dataset-schema.ts';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { projectRoot } from '../../runtime/layout.ts';
import { writeImageFolder } from '../support/image-folder.ts';
import { nas } from '../support/nas.ts';
import type { Ended } from '../support/nas.ts';
import { openDataset, classNamesOf } from '../../nas/data/open.ts';
import { sharedFolder } from '../support/temporary-folder.ts';

const root = sharedFolder();
let lists: string;

beforeAll(async () => {
  lists = path.join(root, 'lists');
  await writeImageFolder(root, { classes: 4, train: 6, val: 5 });
});

const SIZES = ['--calibration', '8', '--selection', '6', '--ground-truth', '4'];
const linesOf = (folder: string, file: string): string[] =>
  readFileSync(path.join(folder, file), 'utf8').trimEnd().split('\n');
const classCounts = (lines: readonly string[]): number[] => {
  const counts = [0, 0, 0, 0];
  for (const line of lines) counts[Number(line.split(' ').at(-1))]! += 1;
  return counts;
};

test('a folder becomes balanced lists, of which those that choose and measure share nothing, and a config that opens', async () => {
  const config = path.join(root, 'mine.yml');
  const { code, stdout } = await nas([
    'data',
    'imagenet',
    '--root',
    root,
    '--out',
    lists,
    ...SIZES,
    '--config',
    config,
    '--json',
  ]);
  expect(code).toBe(0);
  const found: { classes: number; notes: string[]; dataset: ImageListConfig } = JSON.parse(stdout);
  expect(found.classes).toBe(4);
  expect(found.notes[0]).toBe('classes: ImageNet has 1000, here are 4');
  const read = (file: string): string[] => linesOf(lists, file);
  expect(read('train.txt').length).toBe(24);
  expect(read('valid.txt').length).toBe(20);
  expect(classCounts(read('calibration.txt'))).toEqual([2, 2, 2, 2]);
  expect(classCounts(read('valid_ground_truth.txt'))).toEqual([1, 1, 1, 1]);
  expect(classCounts(read('valid_part6.txt')).toSorted((a, b) => a - b)).toEqual([1, 1, 2, 2]);
  const disjoint = [...read('train_rest.txt'), ...read('calibration.txt')];
  expect(disjoint.toSorted()).toEqual(read('train.txt').toSorted());
  const measured = [...read('valid_ground_truth.txt'), ...read('valid_part6.txt')];
  expect(new Set(measured).size).toBe(10);
  expect(measured.every((line) => read('valid.txt').includes(line))).toBe(true);

  const written = ImageList.parse(load(readFileSync(config, 'utf8')));
  expect(written).toEqual({ ...found.dataset, name: 'mine' });
  const dataset = await openDataset(written);
  expect([dataset.classes, dataset.part('training').size, dataset.part('selection').size]).toEqual([4, 16, 6]);
  expect(await classNamesOf(written)).toEqual(readdirSync(path.join(root, 'train')).toSorted());
});

test("the original's lists are taken as they are, whatever their paths begin with", async () => {
  const original = path.join(root, 'original');
  mkdirSync(original);
  const bare = (file: string, prefix: string): string =>
    linesOf(lists, file)
      .map((line) => `${line.slice(prefix.length)}\n`)
      .join('');
  writeFileSync(path.join(original, 'train.txt'), bare('train.txt', 'train/'));
  const absolute = linesOf(lists, 'valid.txt').map((line) => `${path.join(root, line)}\n`);
  writeFileSync(path.join(original, 'valid.txt'), absolute.join(''));
  writeFileSync(path.join(original, 'valid_part2500.txt'), absolute.slice(0, 3).join(''));
  const out = path.join(root, 'again');
  const mapping = path.join(root, 'mapping.txt');
  const folders = readdirSync(path.join(root, 'train')).toSorted();
  writeFileSync(
    mapping,
    `n00000000 no class of ours\n${folders.map((name) => `${name} the ${name}, a colour\r\n`).join('')}`,
  );
  const args = ['--root', root, '--lists', original, '--out', out, '--quick', '--class-names', mapping, ...SIZES];
  const { code, stdout } = await nas(['data', 'imagenet', ...args]);
  expect(code).toBe(0);
  expect(stdout).toContain('note: the selection given has images of 1 of 4 classes alone');
  expect(linesOf(out, 'train.txt')).toEqual(linesOf(lists, 'train.txt'));
  expect(linesOf(out, 'valid_part3.txt')).toEqual(linesOf(lists, 'valid.txt').slice(0, 3));
  expect(linesOf(out, 'class_names.txt')).toEqual(folders.map((name) => `the ${name}, a colour`));
});

test('what is wrong is told with its place, and nothing is written', async () => {
  const out = path.join(root, 'never');
  const run = async (...more: string[]): Promise<Ended> =>
    await nas(['data', 'imagenet', '--root', root, '--out', out, ...SIZES, ...more]);
  const [first = '', second = ''] = readdirSync(path.join(root, 'val')).toSorted();
  const broken = path.join(root, 'val', first, 'ILSVRC2012_val_99999999.JPEG');
  writeFileSync(broken, readFileSync(path.join(root, linesOf(lists, 'valid.txt')[0]!.split(' ')[0]!)).subarray(0, 500));
  renameSync(path.join(root, 'val', second), path.join(root, 'val', 'n99999999'));
  const classes = await run();
  expect(classes.code).toBe(2);
  expect(classes.stderr).toContain(`val: expected a folder ${second}, as train/ has, got none; add it`);
  expect(classes.stderr).toContain('n99999999: expected a class that train/ has, got n99999999');
  renameSync(path.join(root, 'val', 'n99999999'), path.join(root, 'val', second));
  const image = await run();
  expect(image.code).toBe(2);
  expect(image.stderr).toMatch(
    /ILSVRC2012_val_99999999\.JPEG: expected an image that can be decoded, got: .*; mend or remove it/,
  );
  expect((await run('--ground-truth', '30')).stderr).toContain('--ground-truth 30: expected fewer than the');
  expect(existsSync(out)).toBe(false);
  const skipped = await run('--skip-broken');
  expect(skipped.stdout).toMatch(/left out: val\/.*99999999\.JPEG, /);
  expect(linesOf(out, 'valid.txt').length).toBe(20);
  rmSync(broken);
});

test('what else is in the folder is named, and what is printed of the config is what a pipeline takes', async () => {
  writeFileSync(path.join(root, 'train', 'archive.tar'), '');
  mkdirSync(path.join(root, 'val', '.cache'));
  const config = path.join(projectRoot, 'configs', 'datasets', `test-${process.pid}.yml`);
  try {
    const out = path.join(root, 'printed');
    const { code, stdout } = await nas([
      'data',
      'imagenet',
      '--root',
      root,
      '--out',
      out,
      ...SIZES,
      '--config',
      config,
    ]);
    expect(code).toBe(0);
    expect(stdout).toContain('left out: 1, not read: .tar (train/archive.tar)');
    expect(stdout).toContain('left out: 1, hidden, or of the system (val/.cache)');
    const settings = /run a pipeline on it with (.*)$/m.exec(stdout)![1]!.split(' ');
    const plan = [
      'plan',
      'pipelines/standalone.yml',
      ...settings,
      '--set',
      'batch_size=8',
      '--set',
      'with.test.batch_size=4',
    ];
    expect(await nas(plan)).toMatchObject({ code: 0, stderr: '' });
    writeFileSync(path.join(out, 'calibration.txt'), readFileSync(path.join(out, 'train_rest.txt')));
    expect((await nas(plan)).stderr).toContain('calibration.txt: expected sha256');
  } finally {
    rmSync(config, { force: true });
  }
  const elsewhere = await nas(['data', 'imagenet', '--root', root, ...SIZES, '--config', path.join(root, '7.yml')]);
  expect(elsewhere).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('expected a name of letters and digits'),
  });
});
