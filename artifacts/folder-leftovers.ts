import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { isNoFile } from './files.ts';
import { GRACE_MS } from './leftovers.ts';
import type { Leftover } from './leftovers.ts';
import { fileNames, placeOf } from './paths.ts';

/** What lies in stages' folders and no manifest names: what was set aside, and old files that wait to be named. */
export async function leftoversIn(root: string, directories: readonly string[]): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const directory of directories) {
    for (const [what, name, youngest, stage] of [
      ['set aside', fileNames.setAside, Infinity, directory],
      ['unnamed', fileNames.pending, Date.now() - GRACE_MS, null],
    ] as const) {
      for (const entry of await entriesBelow(placeOf(root, `${directory}/${name}`))) {
        const { bytes, changed } = await sizeOf(entry);
        if (changed < youngest) found.push({ what, place: path.relative(root, entry), stage, bytes });
      }
    }
  }
  return found;
}

export async function clearFrom(root: string, leftovers: readonly Leftover[]): Promise<void> {
  for (const { place } of leftovers) await rm(placeOf(root, place), { recursive: true, force: true });
}

async function entriesBelow(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).map((name) => path.join(folder, name));
  } catch (error) {
    if (isNoFile(error)) return [];
    throw error;
  }
}

/** Of a file, or of all below a folder; and when it changed last, ms. */
export async function sizeOf(entry: string): Promise<{ bytes: number; changed: number }> {
  const found = await stat(entry);
  if (!found.isDirectory()) return { bytes: found.size, changed: found.mtimeMs };
  const inside = await Promise.all((await entriesBelow(entry)).map(sizeOf));
  return {
    bytes: inside.reduce((sum, { bytes }) => sum + bytes, 0),
    changed: Math.max(found.mtimeMs, ...inside.map(({ changed }) => changed)),
  };
}
