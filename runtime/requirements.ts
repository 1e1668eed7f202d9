import { createHash } from 'node:crypto';
import { lstat, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from './setup-error.ts';

/** One pinned wheel of a requirements file. */
export interface Pin {
  readonly name: string;
  readonly version: string;
  /** The requirement with its hashes, on one line, as pip reads it. */
  readonly line: string;
  /** What is fetched, in bytes. */
  readonly download: number;
  /** What stays of it, in bytes. */
  readonly unpacked: number;
}

const entry =
  /^# (\d+) MB, unpacked (\d+) MB\n([\w-]+)==([\w.]+)(?: ; platform_machine == "(\w+)")?((?: --hash=sha256:\w{64})+)$/;

/** The pins of a hash-checked requirements file that are meant for this machine (`x86_64`, `aarch64`). */
export async function readRequirements(path: string, machine: string): Promise<Pin[]> {
  const text = (await readFile(path, 'utf8')).replaceAll(/\s*\\\n\s*/g, ' ');
  const paragraphs = text
    .trim()
    .split(/\n\n+/)
    .filter((paragraph) => /^[^#]/m.test(paragraph));
  const pins: Pin[] = [];
  for (const paragraph of paragraphs) {
    const [, download, unpacked, name, version, only, hashes] = entry.exec(paragraph) ?? [];
    if (!name || !version || !hashes) {
      throw new SetupError(
        `${path}: expected "# N MB, unpacked N MB", name==version and its hashes, got "${paragraph}"`,
      );
    }
    if (only && only !== machine) continue;
    const line = `${name}==${version}${hashes}`;
    pins.push({ name, version, line, download: Number(download) * 1e6, unpacked: Number(unpacked) * 1e6 });
  }
  return pins;
}

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
