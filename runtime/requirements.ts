import { readFile } from 'node:fs/promises';
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
