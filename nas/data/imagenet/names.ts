// What the classes are called: a mapping of folders to names, names that stand there already, or the folders themselves.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { CLASS_NAMES } from '../class-names.ts';
import { DatasetError } from '../dataset-error.ts';
import { refuse } from './folder.ts';

export interface ClassNames {
  /** By label. */
  readonly names: readonly string[];
  readonly from: 'mapping' | 'before' | 'folders';
}

/** As Kaggle calls it. */
const USUAL_MAPPING = 'LOC_synset_mapping.txt';

/**
 * Names for the classes with these folders: of the mapping `given`, else of the one in `root`, else those that somebody
 * has written into `out`, if there are as many, else the folders'.
 * @throws DatasetError naming the classes that a mapping lacks
 */
export async function namesOf(
  folders: readonly string[],
  { root, out, given }: { readonly root: string; readonly out: string; readonly given: string | null },
): Promise<ClassNames> {
  const usual = path.join(root, USUAL_MAPPING);
  const mapping = given ?? (existsSync(usual) ? usual : null);
  if (mapping !== null) return { names: await mapped(mapping, folders), from: 'mapping' };
  const before = await readFile(path.join(out, CLASS_NAMES), 'utf8').catch(() => '');
  const names = before.trimEnd().split('\n');
  return names.length === folders.length && before !== ''
    ? { names, from: 'before' }
    : { names: folders, from: 'folders' };
}

/** A line is a folder and its name, `n01440764 tench, Tinca tinca`; of other folders there may be lines too. */
async function mapped(file: string, folders: readonly string[]): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const got = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`${file}: expected a folder and its name a line, got ${got}; give one with --class-names`, {
      cause,
    });
  });
  const lines = text.split('\n').map((line) => /^(\S+)\s+(.+)$/.exec(line.trim()));
  const nameOf = new Map(lines.map((line) => [line?.[1], line?.[2]]));
  const missing = folders.filter((folder) => nameOf.get(folder) === undefined);
  refuse(missing.map((folder) => `${file}: expected a line "${folder} its name", got none; add it`));
  return folders.map((folder) => nameOf.get(folder)!);
}
