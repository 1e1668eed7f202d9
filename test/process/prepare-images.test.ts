import path from 'node:path';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import sharp from 'sharp';
import { beforeEach, expect, test } from 'vitest';
import { prepareImageNet } from '../../nas/data/imagenet/prepare.ts';
import type { Prepared, Request } from '../../nas/data/imagenet/prepare.ts';
import { endingOf } from '../../plan/endings.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CLASSES = ['cat', 'dog'];
let root: string;
let out: string;
let made = 0;

beforeEach(async () => {
  root = temporaryFolder();
  out = path.join(root, 'lists');
  for (const part of ['train', 'val']) {
    for (const name of CLASSES) for (let i = 0; i < 6; i++) await picture(`${part}/${name}/${part}_${name}_${i}.JPEG`);
  }
});

/** Writes a picture of a colour of its own, in the format of its name's ending or in that one. */
async function picture(file: string, format = path.extname(file).slice(1).toLowerCase()): Promise<void> {
  const place = path.join(root, file);
  mkdirSync(path.dirname(place), { recursive: true });
  const background = { r: (7 * ++made) % 256, g: (31 * made) % 256, b: made % 256 };
  const image = sharp({ create: { width: 12, height: 10, channels: 3, background } });
  const names: Record<string, 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff' | 'avif'> = {
    png: 'png',
    webp: 'webp',
    gif: 'gif',
    tif: 'tiff',
    tiff: 'tiff',
    avif: 'avif',
  };
  writeFileSync(place, await image.toFormat(names[format] ?? 'jpeg').toBuffer());
}

function text(file: string, content = 'no picture'): void {
  const place = path.join(root, file);
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(place, content);
}

async function prepare(changes: Partial<Request> = {}): Promise<Prepared> {
  const sizes = { calibration: 4, selection: 2, groundTruth: 2 };
  const given = { lists: null, labels: null, classNames: null, skipBroken: false, ...changes };
  return await prepareImageNet({ root, out, sizes, seed: 0, look: 'whole', onProgress: () => {}, ...given });
}

const refusalOf = async (changes: Partial<Request> = {}): Promise<string> => {
  const message = await prepare(changes).then(
    () => '',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  expect(existsSync(out)).toBe(false);
  return message.replaceAll(`${root}/`, '');
};

const listed = (file: string): string[] => readFileSync(path.join(out, file), 'utf8').trimEnd().split('\n');
const imagesOf = (file: string): string[] => listed(file).map((line) => line.slice(0, line.lastIndexOf(' ')));
const countsOf = ({ leftOut }: Prepared): Record<string, number> =>
  Object.fromEntries(leftOut.map(({ reason, count }) => [reason, count]));

test('hidden files and folders are neither classes nor images, and are named', async () => {
  for (const part of ['train', 'val']) {
    await picture(`${part}/.ipynb_checkpoints/copy.JPEG`);
    await picture(`${part}/@eaDir/thumb.JPEG`);
    await picture(`${part}/__MACOSX/cat/copy.JPEG`);
    await picture(`${part}/cat/.ipynb_checkpoints/copy.JPEG`);
    text(`${part}/cat/._cat_0.JPEG`);
    text(`${part}/cat/.DS_Store`);
    text(`${part}/dog/Thumbs.db`);
  }
  const prepared = await prepare();
  expect(prepared.classNames).toEqual({ names: CLASSES, from: 'folders' });
  expect(listed('train.txt')).toEqual(
    CLASSES.flatMap((name, label) => [0, 1, 2, 3, 4, 5].map((i) => `train/${name}/train_${name}_${i}.JPEG ${label}`)),
  );
  expect(countsOf(prepared)).toEqual({ 'hidden, or of the system': 14 });
  expect(prepared.leftOut[0]!.examples).toContain('train/.ipynb_checkpoints');
});

test('images in deeper folders and of other formats are read, and of what is not read every file is counted', async () => {
  const read = ['more/a.JPEG', 'more/still/b.jpg', 'c.webp', 'd.gif', 'e.tif', 'f.jfif', 'g.avif', 'h.PNG', 'i.tiff'];
  for (const name of read) await picture(`train/dog/${name}`);
  for (const name of ['a.bmp', 'b.bmp', 'c.svg', 'boxes.txt', 'README']) text(`train/dog/${name}`);
  await picture('train/stray.JPEG');
  text('train/archive.tar');
  const prepared = await prepare();
  expect(imagesOf('train.txt').filter((image) => image.startsWith('train/dog/')).length).toBe(6 + read.length);
  expect(listed('train.txt')).toEqual(expect.arrayContaining(read.map((name) => `train/dog/${name} 1`)));
  expect(countsOf(prepared)).toEqual({
    'not read: .bmp': 2,
    'not read: .svg': 1,
    'not read: .txt': 1,
    'not read: .tar': 1,
    'not read: files without an ending': 1,
    'images outside of the folders of classes': 1,
  });
  expect(prepared.notes).toContain(
    '2 training images lie in deeper folders; each is of the class of the outermost one',
  );
  const all = readdirSync(path.join(root, 'train'), { recursive: true, withFileTypes: true });
  const files = all.filter((entry) => entry.isFile()).length;
  expect(prepared.leftOut.reduce((sum, { count }) => sum + count, 0) + imagesOf('train.txt').length).toBe(files);
});

test('Tiny-ImageNet is read as it comes', async () => {
  for (const name of CLASSES) {
    renameSync(path.join(root, 'train', name), path.join(root, 'images'));
    mkdirSync(path.join(root, 'train', name));
    renameSync(path.join(root, 'images'), path.join(root, 'train', name, 'images'));
    text(`train/${name}/${name}_boxes.txt`, 'train_cat_0.JPEG\t0\t0\t62\t62\n');
  }
  rmSync(path.join(root, 'val'), { recursive: true });
  for (let i = 0; i < 8; i++) await picture(`val/images/val_${i}.JPEG`);
  const annotations = Array.from({ length: 8 }, (_, i) => `val_${i}.JPEG\t${CLASSES[i % 2]}\t0\t32\t44\t62\n`);
  text('val/val_annotations.txt', annotations.join(''));
  text('wnids.txt', 'dog\ncat\n');
  text('words.txt', 'cat\ttrue cat\nn00001740\tentity\ndog\tdomestic dog, Canis familiaris\n');
  const prepared = await prepare();
  expect(listed('valid.txt')).toEqual(Array.from({ length: 8 }, (_, i) => `val/images/val_${i}.JPEG ${i % 2}`));
  expect(imagesOf('train.txt')[0]).toBe('train/cat/images/train_cat_0.JPEG');
  expect(prepared.classNames?.names).toEqual(['true cat', 'domestic dog, Canis familiaris']);
  expect(countsOf(prepared)).toEqual({ 'not read: .txt': 2 });
});

test('a class that is missing, empty or unknown is told, all at once', async () => {
  renameSync(path.join(root, 'val', 'cat'), path.join(root, 'val', 'cow'));
  rmSync(path.join(root, 'val', 'dog'), { recursive: true });
  text('val/dog/picture.bmp');
  expect((await refusalOf()).split('\n')).toEqual([
    'val/cow: expected a class that train/ has, got cow; remove it or add its images',
    'val: expected a folder cat, as train/ has, got none; add it',
    'val/dog: expected images, got none; add some',
  ]);
  rmSync(path.join(root, 'val'), { recursive: true });
  await picture('val/images/1.JPEG');
  expect(await refusalOf()).toBe(
    'val: expected a folder for each class, got images; give the labels of its images with --val-labels FILE',
  );
});

test('a label that contradicts the folder of its image is refused', async () => {
  const lines = CLASSES.flatMap((name) => [0, 1, 2, 3, 4, 5].map((i) => `val_${name}_${i}.JPEG ${name}\n`));
  text('labels.txt', lines.join('').replace('val_dog_3.JPEG dog', 'val_dog_3.JPEG cat'));
  const labels = path.join(root, 'labels.txt');
  expect(await refusalOf({ labels })).toBe(
    'val/dog/val_dog_3.JPEG: expected the class dog of its folder in labels.txt, got cat; correct one of them',
  );
  text('labels.txt', lines.join('').replaceAll(/^val_dog.*\n/gm, ''));
  for (let i = 0; i < 6; i++) renameSync(path.join(root, `val/dog/val_dog_${i}.JPEG`), path.join(root, `${i}.JPEG`));
  expect(await refusalOf({ labels })).toBe('val: expected images of the class dog, got none; add some');
  for (let i = 0; i < 6; i++) renameSync(path.join(root, `${i}.JPEG`), path.join(root, `val/dog/val_dog_${i}.JPEG`));
  text('labels.txt', lines.join(''));
  await prepare({ labels });
  expect(listed('valid.txt')).toContain('val/dog/val_dog_3.JPEG 1');
});

test('links are followed: to a file, to nowhere, round and round, and to what is listed already', async () => {
  await picture('store/one.JPEG');
  symlinkSync(path.join(root, 'store/one.JPEG'), path.join(root, 'train/cat/linked.JPEG'));
  symlinkSync('/nowhere/at/all.JPEG', path.join(root, 'train/cat/dead.JPEG'));
  symlinkSync(path.join(root, 'train'), path.join(root, 'train/dog/round'));
  symlinkSync(path.join(root, 'store/one.JPEG'), path.join(root, 'train/file-among-folders'));
  const prepared = await prepare();
  expect(listed('train.txt')).toContain('train/cat/linked.JPEG 0');
  expect(countsOf(prepared)).toEqual({
    'links that lead nowhere': 1,
    'links that lead back to a folder around them': 1,
    'not read: files without an ending': 1,
  });
  rmSync(out, { recursive: true });
  symlinkSync(path.join(root, 'train/cat/train_cat_3.JPEG'), path.join(root, 'train/dog/same.JPEG'));
  expect(await refusalOf()).toBe(
    'train/dog/same.JPEG: expected each image once, got train/cat/train_cat_3.JPEG by a link; take one of them out',
  );
  rmSync(path.join(root, 'train/dog/same.JPEG'));
  rmSync(path.join(root, 'val'), { recursive: true });
  symlinkSync(path.join(root, 'train'), path.join(root, 'val'));
  expect(await refusalOf()).toMatch(/^val\/cat\/linked\.JPEG: expected each image once, got train\/cat\/linked\.JPEG/);
});

test('a class is the same however its accents are written, and never two', async () => {
  const [composed, decomposed] = ['café'.normalize('NFC'), 'café'.normalize('NFD')];
  renameSync(path.join(root, 'train/cat'), path.join(root, 'train', decomposed));
  renameSync(path.join(root, 'val/cat'), path.join(root, 'val', composed));
  await prepare();
  expect(imagesOf('valid.txt')[0]).toBe(`val/${composed}/val_cat_0.JPEG`);
  expect(imagesOf('train.txt')[0]).toBe(`train/${decomposed}/train_cat_0.JPEG`);
  rmSync(out, { recursive: true });
  await picture(`train/${composed}/1.JPEG`);
  expect(await refusalOf()).toContain(
    'expected each class once, got two folders whose names look the same; merge them',
  );
});

test('a name that no line of a list can hold is refused', async () => {
  await picture('train/cat/two\nlines.JPEG');
  expect(await refusalOf()).toBe(
    '"train/cat/two\\nlines.JPEG": expected a name that fits into a line of a list, got one with a line break; rename it',
  );
});

test('broken images are refused by name, or left out; no class is emptied by that', async () => {
  text('train/cat/drawing.png', '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20"></svg>');
  text('val/dog/cut.JPEG', 'no picture');
  const [drawing, cut] = (await refusalOf()).split('\n');
  expect(drawing).toMatch(
    /^train\/cat\/drawing\.png: expected an image that can be decoded, got: SVG is no format of pictures that is read; /,
  );
  expect(cut).toMatch(
    /^val\/dog\/cut\.JPEG: expected an image that can be decoded, got: .*; mend or remove it, or leave .* --skip-broken$/,
  );
  const { broken } = await prepare({ skipBroken: true });
  expect(broken.map((file) => file.path)).toEqual(['train/cat/drawing.png', 'val/dog/cut.JPEG']);
  expect([imagesOf('train.txt').length, imagesOf('valid.txt').length]).toEqual([12, 12]);
  rmSync(out, { recursive: true });
  for (let i = 0; i < 6; i++) text(`val/dog/val_dog_${i}.JPEG`);
  expect(await refusalOf({ skipBroken: true })).toBe(
    '--skip-broken: expected validation images of the class dog that can be decoded, got broken ones alone; mend one',
  );
});

test('a calibration that would take all images of a class is refused', async () => {
  for (let i = 1; i < 6; i++) rmSync(path.join(root, `train/dog/train_dog_${i}.JPEG`));
  expect(await refusalOf()).toBe(
    '--calibration 4: expected images of every class to be left for training, got none of dog; lower it',
  );
});

function originalLines(part: string): string {
  const lines = CLASSES.flatMap((name, label) =>
    [0, 1, 2, 3, 4, 5].map((i) => `${name}/${part}_${name}_${i}.JPEG ${label}\n`),
  );
  return lines.join('');
}

/** Writes lists as the original has them, of the images that are there. */
function originalLists(changes: { readonly train?: string; readonly valid?: string } = {}): string {
  text('given/train.txt', originalLines('train') + (changes.train ?? ''));
  text('given/valid.txt', originalLines('val') + (changes.valid ?? ''));
  return path.join(root, 'given');
}

test('original lists with an image twice, under two labels, or in training and validation are refused', async () => {
  expect(await refusalOf({ lists: originalLists({ train: 'cat/train_cat_0.JPEG 0\n' }) })).toBe(
    'given/train.txt:13: expected each image once, got train/cat/train_cat_0.JPEG as in line 1; take one of them out',
  );
  expect(await refusalOf({ lists: originalLists({ train: './cat/train_cat_1.JPEG 1\n' }) })).toBe(
    'given/train.txt:13: expected class 0 of train/cat/train_cat_1.JPEG, as line 2 says, got 1; correct one of them',
  );
  expect(await refusalOf({ lists: originalLists({ valid: '../train/dog/train_dog_0.JPEG 1\n' }) })).toBe(
    'given/valid.txt:13: expected no image of given/train.txt, got train/dog/train_dog_0.JPEG (given/train.txt:7); take it out of one of them',
  );
  await prepare({ lists: originalLists() });
  expect(listed('train.txt')[0]).toBe('train/cat/train_cat_0.JPEG 0');
});

test('a file that cannot be read is no broken image, and is not left out with them', async () => {
  const lists = originalLists({ train: 'dog/gone.JPEG 1\n' });
  const fault = await prepare({ lists, skipBroken: true }).catch((error: unknown) => error);
  expect(fault).toHaveProperty(
    'message',
    expect.stringMatching(/train\/dog\/gone\.JPEG: expected a file .*, got ENOENT/),
  );
  expect(endingOf(fault)).toBe('Crashed');
  mkdirSync(path.join(root, 'train/dog/gone.JPEG'));
  for (const look of ['whole', 'header'] as const) {
    await expect(prepare({ lists, look, skipBroken: true })).rejects.toThrow(/gone\.JPEG: .*EISDIR/);
  }
  expect(existsSync(out)).toBe(false);
  rmSync(path.join(root, 'train/dog/gone.JPEG'), { recursive: true });
  copyFileSync(path.join(root, 'train/dog/train_dog_0.JPEG'), path.join(root, 'train/dog/gone.JPEG'));
  expect((await prepare({ lists })).broken).toEqual([]);
});
