import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What was put below the home folder, from which inputs, and how large each file is: enough to see that all of it is there. */
interface Account {
  readonly identity: string;
  readonly files: Readonly<Record<string, number>>;
}

const accountFile = (home: string, name: string): string => join(home, 'installed', `${name}.json`);

/** A digest of everything that a piece is made from; another digest means that the piece must be made anew. */
export function identityOf(...inputs: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
}

/** Whether a piece was made from these inputs and all its files are still there in their full size. */
export async function isInstalled(home: string, name: string, identity: string): Promise<boolean> {
  try {
    const account: Account = JSON.parse(await readFile(accountFile(home, name), 'utf8'));
    if (account.identity !== identity) return false;
    const files = Object.entries(account.files);
    const checks = files.map(async ([path, size]) => (await stat(join(home, path))).size === size);
    return (await Promise.all(checks)).every(Boolean);
  } catch {
    return false;
  }
}

/** Notes that a piece is complete: called after its last file has its final name. Links are left out. */
export async function noteInstalled(home: string, name: string, identity: string, paths: string[]): Promise<void> {
  const files: Record<string, number> = {};
  for (const path of paths) {
    const state = await lstat(join(home, path));
    if (state.isFile()) files[path] = state.size;
  }
  const target = accountFile(home, name);
  await mkdir(join(home, 'installed'), { recursive: true });
  await writeFile(`${target}.new`, JSON.stringify({ identity, files } satisfies Account));
  await rename(`${target}.new`, target);
}
