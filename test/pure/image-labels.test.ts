import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { chooseNames } from '../../nas/data/class-names.ts';
import { labelsOf } from '../../nas/data/imagenet/labels.ts';
import { classNamesOf } from '../../nas/data/open.ts';
import { smallConfig } from '../support/image-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const FOLDERS = ['n01', 'n02', 'great white'];

/** The labels of `a.jpg`, `b.jpg` and `c d.jpg`, or of those images. */
async function labels(text: string, images = ['a.jpg', 'b.jpg', 'c d.jpg'], folders = FOLDERS) {
  const file = write('labels.txt', text);
  return await labelsOf(
    file,
    folders,
    images.map((name) => `val/${name}`),
  );
}

async function refusal(...given: Parameters<typeof labels>): Promise<string> {
  const message = await labels(...given).then(
    () => '',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return message.replaceAll(`${folder}/`, '');
}

describe('labels of images', () => {
  test.each([
    ['divided by spaces, with spaces in names', 'a.jpg n02\nb.jpg great white\nc d.jpg n01\n'],
    ['by numbers', 'a.jpg 1\nb.jpg 2\nc d.jpg 0\n'],
    ['without endings', 'a n02\nb great white\nc d n01\n'],
    ["as Kaggle's", 'ImageId,PredictionString\nc d,n01 10 20 30 40\nb,2 1 1\na,n02 85 1 499 272\n'],
    ["as Tiny-ImageNet's", 'a.jpg\tn02\t0\t32\t44\t62\nb.jpg\tgreat white\t0\t32\t44\t62\nc d.jpg\tn01\t5\t5\t6\t6\n'],
    [
      'as CSV with quotes and names of columns',
      '"file name","label"\n"a.jpg","n02"\n"b.jpg","great white"\n"c d.jpg",n01\n',
    ],
    ['as a spreadsheet writes them', 'file;label;by\r\na.jpg;n02;me\r\nb.jpg; great white ;me\r\nc d.jpg;n01;me\r\n'],
    ['as Windows writes them', '\uFEFFa.jpg n02\r\nb.jpg great white\r\nc d.jpg n01\r\n'],
    ['by paths', 'val/a.jpg n02\n./b.jpg great white\nsome/where/c d.jpg n01\n'],
    ['twice, the same', 'a.jpg n02\nb.jpg great white\nc d.jpg n01\na.jpg 1\n'],
    ['beside others', 'a.jpg n02\nb.jpg great white\nc d.jpg n01\n\ne.jpg n01\n'],
  ])('are read %s', async (_, text) => {
    const found = await labels(text);
    expect(found.labels).toEqual([1, 2, 0]);
    expect(found.unused).toBe(text.includes('e.jpg') ? 1 : 0);
  });

  test('go by whole names, of which points and numbers are a part', async () => {
    const images = ['v1.000.jpg', 'v1.001.jpg', '000.jpg', '000.png'];
    const lines = ['v1.000 n01', 'v1.001 n02', '000.jpg n01', '000.png n02'];
    expect((await labels(lines.join('\n'), images)).labels).toEqual([0, 1, 0, 1]);
    expect(await refusal('000 n01\n', ['000.jpg', '000.png'])).toBe(
      'labels.txt:1: expected the name of one image, got 000, as both val/000.jpg and val/000.png are called; give whole names or paths',
    );
    expect(await refusal('000.jpg n01\n', ['000.png'])).toBe(
      'val/000.png: expected a label in labels.txt, got none (line 1 names 000.jpg); add a line with its whole name',
    );
    expect(await refusal('x.jpg n01\n', ['x.jpg.png'])).toContain('val/x.jpg.png: expected a label');
    expect((await labels('x/1.jpg n01\ny/1.jpg n02\n', ['x/1.jpg', 'y/1.jpg'])).labels).toEqual([0, 1]);
    expect(await refusal('1.jpg n01\n', ['x/1.jpg', 'y/1.jpg'])).toContain(
      'as both val/x/1.jpg and val/y/1.jpg are called',
    );
  });

  test('may have accents written in either way', async () => {
    const [composed, decomposed] = ['é.jpg'.normalize('NFC'), 'é.jpg'.normalize('NFD')];
    expect((await labels(`${composed} über\n`, [decomposed], ['über'.normalize('NFD')])).labels).toEqual([0]);
  });

  test('are folders of which some only look like numbers', async () => {
    for (const folders of [
      ['1a', 'a1', '12b'],
      ['a12', '3 4', 'x'],
    ]) {
      expect((await labels(`a.jpg 1\nb.jpg ${folders[2]}\nc d.jpg 0\n`, undefined, folders)).labels).toEqual([1, 2, 0]);
    }
    for (const folders of [
      ['7', 'a', 'b'],
      ['a', 'b', '77'],
    ])
      expect(await refusal('a.jpg 0\n', ['a.jpg'], folders)).toContain(`a class of train/ (${folders[0]} …), got`);
  });

  test('are numbers only where nothing else stands beside them', async () => {
    for (const given of ['1x', 'x1', '-1', '1.0', 'n02 x', 'n02 1 x', 'x n02 1']) {
      expect(await refusal(`a.jpg\t${given}\n`, ['a.jpg'])).toContain(`got "a.jpg\\t${given}"`);
    }
    const many = ['a.jpg 10\nb.jpg 9\n', ['a.jpg', 'b.jpg'], Array.from({ length: 11 }, (_, at) => `n${at}`)] as const;
    expect((await labels(many[0], [...many[1]], many[2])).labels).toEqual([10, 9]);
    expect((await labels('a.jpg\tn02  12   34\n', ['a.jpg'])).labels).toEqual([1]);
  });

  test('belong to the longest name that an image has, and to a divider of more than one space', async () => {
    const images = ['a.jpg', 'a.jpg n01', 'x  y.jpg'];
    expect((await labels('x  y.jpg   n02\na.jpg n01\na.jpg n01 n02\n', images)).labels).toEqual([0, 1, 1]);
  });

  test('of a folder val/ inside of another folder keep it, and quotes may hold what divides', async () => {
    const images = ['a/val/b.jpg', 'c;d.jpg', 'e "f".jpg'];
    const lines = ['name,class', 'a/val/b.jpg,n01', '"c;d.jpg",n02', '"e ""f"".jpg", great white '];
    expect((await labels(`${lines.join('\n')}\n`, images)).labels).toEqual([0, 1, 2]);
  });

  test('are refused where there is no file', async () => {
    const file = path.join(folder, 'none.txt');
    await expect(labelsOf(file, FOLDERS, ['val/a.jpg'])).rejects.toThrow(
      `${file}: expected a file of labels, got ENOENT`,
    );
    expect(await refusal('', ['a.jpg'])).toContain('val/a.jpg: expected a label');
  });

  test('that contradict one another are refused', async () => {
    expect(await refusal('a.jpg n01\na n02\n', ['a.jpg'])).toBe(
      'labels.txt:2: expected class n01 of val/a.jpg, as line 1 says, got n02; correct one of them',
    );
  });

  test('that are no class, or missing, are refused with their lines', async () => {
    expect(await refusal('a.jpg n03\nb.jpg 3\nc d.jpg n01')).toBe(
      [
        'labels.txt:1: expected the name of an image and a class of train/ (n01 …) or a number 0..2, got "a.jpg n03"',
        'labels.txt:2: expected the name of an image and a class of train/ (n01 …) or a number 0..2, got "b.jpg 3"',
      ].join('\n'),
    );
    expect(await refusal('a.jpg n01\n', ['a.jpg', 'b.jpg'])).toBe(
      'val/b.jpg: expected a label in labels.txt, got none; add a line with its whole name',
    );
    expect(await refusal('490\n361\n')).toContain('labels.txt:2: expected the name of an image and a class');
    expect(await refusal('490\n361\n')).toContain(
      'numbers of the development kit alone do not say which class they mean',
    );
  });

  test('are folders and never numbers of classes, where a folder is called by a number', async () => {
    const folders = ['1', '10', '2'];
    expect((await labels('a.jpg 10\nb.jpg 2\n', ['a.jpg', 'b.jpg'], folders)).labels).toEqual([1, 2]);
    expect(await refusal('a.jpg 0\n', ['a.jpg'], folders)).toBe(
      'labels.txt:1: expected the name of an image and a class of train/ (1 …), got "a.jpg 0"',
    );
  });
});

async function names(given: string | null = null, folders = ['n01', 'n02']) {
  return await chooseNames(folders, { root: folder, out: folder, given });
}

describe('names of classes', () => {
  test('are of the mapping, else those that stand there, else of the folders', async () => {
    expect(await names()).toEqual({ names: ['n01', 'n02'], from: 'folders' });
    write('class_names.txt', 'one\n');
    expect((await names()).from).toBe('folders');
    write('class_names.txt', '\uFEFFone\r\ntwo\r\n');
    expect(await names()).toEqual({ names: ['one', 'two'], from: 'before' });
    write('LOC_synset_mapping.txt', '\uFEFFn02 goldfish, Carassius auratus\r\nn01 tench, Tinca tinca\r\n');
    expect(await names()).toEqual({ names: ['tench, Tinca tinca', 'goldfish, Carassius auratus'], from: 'mapping' });
  });

  test('of a mapping belong to whole folders, with spaces and quotes or without', async () => {
    const folders = ['great', 'great white', 'n01'];
    const given = write('mine.txt', 'great white\ta shark\n"great", the best\nn01;tench\nother things\n');
    expect((await names(given, folders)).names).toEqual(['the best', 'a shark', 'tench']);
  });

  test('are of words.txt only beside the list of folders that Tiny-ImageNet has', async () => {
    write('words.txt', 'n01\ttench\nn02\tgoldfish\n');
    expect((await names()).from).toBe('folders');
    write('wnids.txt', 'n01\nn02\n');
    expect(await names()).toEqual({ names: ['tench', 'goldfish'], from: 'mapping' });
  });

  test('that somebody has written count where none is empty', async () => {
    write('class_names.txt', '\ntwo\n');
    expect(await names()).toEqual({ names: ['n01', 'n02'], from: 'folders' });
  });

  test('keep their own spaces, commas and marks', async () => {
    const given = write('mine.txt', 'n01 ,; one  two, three\n"n02"  ;two \uFEFF2\nn03\n');
    expect((await names(given)).names).toEqual(['one  two, three', 'two \uFEFF2']);
  });

  test('that a mapping lacks, or has twice, are told', async () => {
    const given = write('mine.txt', 'n02 fish\n');
    await expect(names(given)).rejects.toThrow('mine.txt: expected a line "n01 its name", got none; add it');
    write('mine.txt', 'n02 fish\nn01 tench\nn02 bird\n');
    await expect(names(given)).rejects.toThrow('mine.txt:3: expected n02 to be fish, as before, got bird; correct one');
    await expect(names(`${given}.txt`)).rejects.toThrow('give one with --class-names');
  });

  test('are read whatever system wrote them', async () => {
    const config = smallConfig(folder, 2, {});
    write('class_names.txt', `\uFEFFcat\r\n${'café'.normalize('NFD')} \r\n\r\n`);
    expect(await classNamesOf(config)).toEqual(['cat', 'café'.normalize('NFC')]);
    write('class_names.txt', 'cat\nd\uFEFFog\n');
    expect(await classNamesOf(config)).toEqual(['cat', 'd\uFEFFog']);
    write('class_names.txt', 'cat\n\ndog\n');
    await expect(classNamesOf({ ...config, classes: 3 })).rejects.toThrow('got an empty one; correct the file');
    await expect(classNamesOf(config)).rejects.toThrow('expected 2 lines, a class each, got');
    write('class_names.txt', 'cat\ndog\nbird\n');
    await expect(classNamesOf(config)).rejects.toThrow('expected 2 lines, a class each, got 3; correct the file');
  });

  test('stand beside the lists or in the root, beside the lists first', async () => {
    const config = smallConfig(folder, 1, { test: { list: 'lists/test.txt', images: 1 } });
    expect(await classNamesOf(config)).toBeNull();
    write('class_names.txt', 'of the root\n');
    expect(await classNamesOf(config)).toEqual(['of the root']);
    mkdirSync(path.join(folder, 'lists'));
    write('lists/class_names.txt', 'of the lists\n');
    expect(await classNamesOf(config)).toEqual(['of the lists']);
  });
});
