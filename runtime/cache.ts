import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder, isWritable } from './layout.ts';

// Small things that cost seconds to find out, kept as JSON in the cache folder.

/** Keeps a value under a file's name, where the folder can be written; whoever reads meanwhile gets the old one, whole. */
export async function keep(name: string, value: unknown): Promise<void> {
  const folder = cacheFolder();
  if (!isWritable(folder)) return;
  await mkdir(folder, { recursive: true });
  const partial = join(folder, `${name}.${process.pid}`);
  await writeFile(partial, `${JSON.stringify(value)}\n`);
  await rename(partial, join(folder, name));
}

/** What was kept last; undefined where there is nothing that can be read. */
export async function kept(name: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(join(cacheFolder(), name), 'utf8'));
  } catch {
    return undefined;
  }
}
