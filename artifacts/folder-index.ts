import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { atomicWrite, entriesOf, isNoFile, sha256Of } from './files.ts';
import { ManifestError } from './manifest.ts';
import { DEEPEST, fileNames, manifestNumber, mayHoldStages } from './paths.ts';
import type { ArtifactStore } from './store.ts';

/** In bytes; a file system takes 255, and while it is written the name is longer. */
const LONGEST_NAME = 200;
const HASH = /^[0-9a-f]{64}$/;

/**
 * Which stages a results folder holds. Finished ones are known by fingerprint, so that looking for one reads one folder
 * and not every run: in `.index/<fingerprint>/` the name of a file is a stage's directory, or where that is too long its
 * hash, and the file says it. Runs of release 0.1.0, or copied here from elsewhere, have no such files: every run is walked
 * through once, and `.index/runs/` says which were. All of `.index` may be deleted and comes again.
 */
export class FolderIndex {
  readonly #root: string;
  readonly #folder: string;
  readonly #read: ArtifactStore['read'];

  /** @param read gives the manifest of a stage */
  constructor(root: string, read: ArtifactStore['read']) {
    this.#root = root;
    this.#folder = path.join(root, fileNames.index);
    this.#read = read;
  }

  /** The directories of all stages that have a manifest, of one run or of all, sorted. */
  async stages(run?: string): Promise<string[]> {
    const found = run === undefined ? await this.#below('', 0) : await this.#below(run, 1);
    return found.toSorted();
  }

  async add(fingerprint: string, directory: string): Promise<void> {
    const name = encodeURIComponent(directory);
    const folder = path.join(this.#folder, fingerprint);
    if (name.length <= LONGEST_NAME) await atomicWrite(path.join(folder, name), '');
    else await atomicWrite(path.join(folder, sha256Of(directory)), directory);
  }

  async find(fingerprints: readonly string[]): Promise<string[][]> {
    await this.#walkNewRuns();
    return await Promise.all(
      fingerprints.map((fingerprint) => this.#directoriesIn(path.join(this.#folder, fingerprint))),
    );
  }

  async #directoriesIn(folder: string): Promise<string[]> {
    const names = (await entriesOf(folder)).filter((name) => !name.endsWith('.tmp'));
    const found = await Promise.all(
      names.map(async (name) => (HASH.test(name) ? await textOf(path.join(folder, name)) : decodeURIComponent(name))),
    );
    return found.filter((directory) => directory !== null).toSorted();
  }

  async #walkNewRuns(): Promise<void> {
    const walked = new Set(await entriesOf(path.join(this.#folder, 'runs')));
    const runs = (await entriesOf(this.#root)).filter((name) => !name.startsWith('.') && !walked.has(name));
    for (const run of runs) {
      for (const directory of await this.stages(run)) {
        const manifest = await this.#read(directory).catch((error: unknown) => {
          if (error instanceof ManifestError) return null;
          throw error;
        });
        if (manifest?.state === 'done') await this.add(manifest.fingerprint, directory);
      }
      await atomicWrite(path.join(this.#folder, 'runs', run), '');
    }
  }

  async #below(directory: string, depth: number): Promise<string[]> {
    const entries = await readdir(path.join(this.#root, directory), { withFileTypes: true }).catch(() => []);
    const isStage =
      depth > 0 && entries.some(({ name }) => name === fileNames.firstManifest || manifestNumber(name) > 0);
    const folders = entries.filter((entry) => entry.isDirectory() && mayHoldStages(entry.name));
    const below =
      depth === DEEPEST ? [] : folders.map(({ name }) => this.#below(path.posix.join(directory, name), depth + 1));
    return [...(isStage ? [directory] : []), ...(await Promise.all(below)).flat()];
  }
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isNoFile(error)) return null;
    throw error;
  }
}
