import path from 'node:path';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { ImageListConfig } from '../../configs/dataset-schema.ts';
import { BadInput, FileFault, refuse, isErrno } from '../../plan/endings.ts';
import { dataRoot } from './lists.ts';
import { classNamesFile, hasShards } from './shards/read.ts';

// What the classes of images are called: class_names.txt, a class a line in the order of the labels.

/** Beside the lists, or in the data set's root. */
export const CLASS_NAMES = 'class_names.txt';

/**
 * The names of a data set's classes by label; null where nobody has written them.
 * @throws BadInput for a file of another number of classes
 */
export async function namesOfImageList(config: ImageListConfig): Promise<readonly string[] | null> {
  for (const file of await filesOfNames(config)) {
    const names = await linesOf(file);
    if (names === null) continue;
    if (names.length === config.classes && !names.includes('')) return names;
    const got = names.includes('') ? 'an empty one' : names.length;
    throw new BadInput(`${file}: expected ${config.classes} lines, a class each, got ${got}; correct the file`);
  }
  return null;
}

/** Where they may stand; the first that is there counts. */
async function filesOfNames(config: ImageListConfig): Promise<string[]> {
  if (hasShards(config)) {
    const file = await classNamesFile(config);
    return file === null ? [] : [file];
  }
  return usualFiles(config);
}

/** Beside the lists, and in the root. */
export function usualFiles(config: ImageListConfig): string[] {
  const root = dataRoot(config.root);
  const besideLists = path.dirname(path.resolve(root, config.parts.test.list));
  return [...new Set([besideLists, root])].map((folder) => path.join(folder, CLASS_NAMES));
}

export interface ClassNames {
  /** By label. */
  readonly names: readonly string[];
  readonly from: 'mapping' | 'before' | 'folders';
}

/** A mapping of folders to names as Kaggle calls it, or as Tiny-ImageNet does, beside its list of folders. */
function usualMapping(root: string): string | undefined {
  const there = (name: string): boolean => existsSync(path.join(root, name));
  const name = there('LOC_synset_mapping.txt') ? 'LOC_synset_mapping.txt' : there('wnids.txt') && 'words.txt';
  return name && there(name) ? path.join(root, name) : undefined;
}

/**
 * Names for classes with these folders: of the mapping `given`, else of a usual one in `root`, else those that somebody
 * has written into `out`, if there are as many, else the folders'.
 * @throws BadInput naming the classes that a mapping lacks or names twice
 */
export async function chooseNames(
  folders: readonly string[],
  { root, out, given }: { readonly root: string; readonly out: string; readonly given: string | null },
): Promise<ClassNames> {
  const mapping = given ?? usualMapping(root);
  if (mapping !== undefined) return { names: await mapped(mapping, folders), from: 'mapping' };
  const names = (await linesOf(path.join(out, CLASS_NAMES))) ?? [];
  return names.length === folders.length && !names.includes('')
    ? { names, from: 'before' }
    : { names: folders, from: 'folders' };
}

/** A line is a folder and its name, `n01440764 tench, Tinca tinca`, the folder in quotes or not; of other folders there may be lines too. */
async function mapped(file: string, folders: readonly string[]): Promise<string[]> {
  const lines = await linesOf(file);
  if (lines === null) {
    throw new BadInput(`${file}: expected a folder and its name a line, got no file; give one with --class-names`);
  }
  const wanted = new Set(folders.map((folder) => folder.normalize()));
  const nameOf = new Map<string, string>();
  const problems: string[] = [];
  for (const [at, line] of lines.entries()) {
    const [folder, name] = cut(line, wanted) ?? [];
    if (folder === undefined || name === undefined) continue;
    const before = nameOf.get(folder) ?? name;
    if (before !== name)
      problems.push(`${file}:${at + 1}: expected ${folder} to be ${before}, as before, got ${name}; correct one`);
    nameOf.set(folder, name);
  }
  for (const folder of folders) {
    if (nameOf.has(folder.normalize())) continue;
    problems.push(`${file}: expected a line "${folder} its name", got none; add it`);
  }
  refuse(problems);
  return folders.map((folder) => nameOf.get(folder.normalize())!);
}

/** A wanted folder at the beginning of a line, the longest of them, and what follows it. */
function cut(line: string, wanted: ReadonlySet<string>): [folder: string, name: string] | undefined {
  const [whole, quoted = ''] = /^"([^"]+)"[\s,;]+(?=\S)/.exec(line) ?? [];
  if (whole !== undefined) return wanted.has(quoted) ? [quoted, line.slice(whole.length)] : undefined;
  const cuts = Array.from(line.matchAll(/[\s,;]+(?=\S)/g), ({ index, 0: divider }): [string, string] => [
    line.slice(0, index),
    line.slice(index + divider.length),
  ]);
  return cuts.findLast(([folder]) => wanted.has(folder));
}

/**
 * The lines of a text, whatever system wrote it: no mark at its beginning, no spaces about them, accents written in one
 * way, no empty ones at the end. Null where there is no file.
 */
async function linesOf(file: string): Promise<string[] | null> {
  try {
    const text = await readFile(file, 'utf8');
    const lines = text
      .replace(/^\uFEFF/, '')
      .trimEnd()
      .split('\n');
    // A mark at the beginning counts as a space.
    return lines.map((line) => line.trim().normalize());
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null;
    throw new FileFault(file, cause);
  }
}
