import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { BadInput, refuse } from '../../../plan/endings.ts';
import { isImageName } from './walk.ts';

// The classes of images that lie in one folder: a file with a line an image, its name and its class.

interface Labels {
  /** Class of each image, in their order. */
  readonly labels: readonly number[];
  /** Lines that name none of the images. */
  readonly unused: number;
}

/**
 * Reads a file of labels: a line is an image's name and its class, divided by a tab, comma or semicolon, with quotes where
 * they are needed, or by spaces. The class is the name of its folder in train/ or, where no such folder is a number, its
 * number from 0. Further columns and a first line with their names are passed over, and so are numbers behind the class:
 * Kaggle's LOC_val_solution.csv is such a file, and Tiny-ImageNet's val_annotations.txt. Names count as a whole; an
 * image's ending may be left out where nothing else is called the same.
 * @param classes folders of train/, by label
 * @param images relative to the root, `val/…`
 * @throws BadInput naming lines that are wrong or contradict one another, and images without a label
 */
export async function labelsOf(file: string, classes: readonly string[], images: readonly string[]): Promise<Labels> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new BadInput(`${file}: expected a file of labels, got ${got}; correct --val-labels`, { cause });
  });
  const imagesCalled = finder(images);
  const found = new Map<string, { readonly label: number; readonly line: number }>();
  const unused: Row[] = [];
  const problems: string[] = [];
  for (const row of rowsOf(text, classes, (name) => imagesCalled(name).length > 0)) {
    const where = `${file}:${row.line}`;
    if (row.label === null) {
      problems.push(
        `${where}: expected the name of an image and ${classesIn(classes)}, got ${JSON.stringify(row.text)}${row.name === row.text ? DEVELOPMENT_KIT : ''}`,
      );
      continue;
    }
    const [image, another] = imagesCalled(row.name);
    const known = image === undefined ? undefined : found.get(image);
    if (image === undefined) unused.push(row);
    else if (another !== undefined)
      problems.push(
        `${where}: expected the name of one image, got ${row.name}, as both ${image} and ${another} are called; give whole names or paths`,
      );
    else if (known !== undefined && known.label !== row.label)
      problems.push(
        `${where}: expected class ${classes[known.label]} of ${image}, as line ${known.line} says, got ${classes[row.label]}; correct one of them`,
      );
    else found.set(image, { label: row.label, line: row.line });
  }
  if (problems.length === 0)
    problems.push(
      ...withoutLabel(
        images.filter((image) => !found.has(image)),
        unused,
        file,
      ),
    );
  refuse(problems);
  return { labels: images.map((image) => found.get(image)!.label), unused: unused.length };
}

const DEVELOPMENT_KIT = '; numbers of the development kit alone do not say which class they mean';

function classesIn(classes: readonly string[]): string {
  const numbers = hasNumbers(classes) ? '' : ` or a number 0..${classes.length - 1}`;
  return `a class of train/ (${classes[0]} …)${numbers}`;
}

/** A folder that is a number would be taken for another class's. */
function hasNumbers(classes: readonly string[]): boolean {
  return classes.some((name) => /^\d+$/.test(name));
}

function withoutLabel(images: readonly string[], unused: readonly Row[], file: string): string[] {
  const lines = new Map(unused.map((row) => [path.posix.parse(keyOf(row.name)).name, row]));
  return images.map((image) => {
    const alike = lines.get(path.posix.parse(keyOf(image)).name);
    const hint = alike ? ` (line ${alike.line} names ${alike.name})` : '';
    return `${image}: expected a label in ${file}, got none${hint}; add a line with its whole name`;
  });
}

/** Finds images by what a line calls them: by their path, their name, or their name without its ending. */
function finder(images: readonly string[]): (name: string) => readonly string[] {
  const [byPath, byName, byStem] = [
    new Map<string, string[]>(),
    new Map<string, string[]>(),
    new Map<string, string[]>(),
  ];
  for (const image of images) {
    const key = keyOf(image);
    const { base, name } = path.posix.parse(key);
    for (const [map, called] of [
      [byPath, key],
      [byName, base],
      [byStem, name],
    ] as const) {
      const others = map.get(called);
      if (others) others.push(image);
      else map.set(called, [image]);
    }
  }
  return (name) => {
    const key = keyOf(name);
    const base = path.posix.basename(key);
    return byPath.get(key) ?? byName.get(base) ?? (isImageName(base) ? undefined : byStem.get(base)) ?? [];
  };
}

/** Below val/, and accents written in one way: some systems write them in two. */
function keyOf(name: string): string {
  return path.posix.normalize(name.normalize()).replace(/^val\//, '');
}

interface Row {
  /** From 1. */
  readonly line: number;
  readonly text: string;
  readonly name: string;
  /** Null where it is none. */
  readonly label: number | null;
}

function rowsOf(text: string, classes: readonly string[], isImage: (name: string) => boolean): Row[] {
  const labelOf = labelReader(classes);
  // Trimmed, a mark at the beginning and what Windows has at the end of a line are gone.
  const lines = text.split('\n');
  const all = lines.map((content, at) => ({ line: at + 1, text: content.trim() })).filter((row) => row.text !== '');
  const divider = /[\t,;]/.exec(all[0]?.text.replaceAll(/"[^"]*"/g, '') ?? '')?.[0];
  const rows = all.map(({ line, text: content }) => {
    const [name = '', given = ''] =
      divider === undefined ? bySpace(content, labelOf, isImage) : fieldsOf(content, divider);
    return { line, text: content.slice(0, 80), name, label: labelOf(given) };
  });
  // Names of columns.
  const [first] = rows;
  return first?.label === null && !isImage(first.name) ? rows.slice(1) : rows;
}

/** The fields of a line, with or without quotes. */
function fieldsOf(line: string, divider: string): string[] {
  const field = new RegExp(`(?:^|${divider})\\s*(?:"((?:[^"]|"")*)"|([^${divider}]*))`, 'g');
  return Array.from(line.matchAll(field), ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain?.trim() ?? '');
}

/** Name and class where spaces divide them: both may have spaces themselves. */
function bySpace(
  line: string,
  labelOf: (given: string) => number | null,
  isImage: (name: string) => boolean,
): [name: string, given?: string] {
  const cuts = Array.from(line.matchAll(/\s+/g), ({ index, 0: space }): [string, string] => [
    line.slice(0, index),
    line.slice(index + space.length),
  ]);
  const fitting = cuts.filter(([, given]) => labelOf(given) !== null);
  return fitting.find(([name]) => isImage(name)) ?? fitting.at(-1) ?? cuts[0] ?? [line];
}

function labelReader(classes: readonly string[]): (given: string) => number | null {
  const byFolder = new Map(classes.map((name, label) => [name.normalize(), label]));
  const byNumber = !hasNumbers(classes);
  const exactly = (given: string): number | null => {
    const known = byFolder.get(given.normalize());
    if (known !== undefined) return known;
    return byNumber && /^\d+$/.test(given) && Number(given) < classes.length ? Number(given) : null;
  };
  // Kaggle has the corners of boxes behind the class.
  return (given) => exactly(given) ?? exactly(/^(\S+)(?:\s+\d+)+$/.exec(given)?.[1] ?? '');
}
