import type { FileReference } from './references.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { KnownError } from '../plan/endings.ts';
import { emptyManifest, now, takenUp, withAttempt, withToken } from './claim.ts';
import type { Claim } from './claim.ts';
import { LateCommits } from './late-commits.ts';
import type { LateCommit } from './late-commits.ts';
import { allFilesOf, noticeOf } from './manifest.ts';
import type { Attempt, Manifest, ManifestContent } from './manifest.ts';
import type { ArtifactStore, ListedAs, NewFile, StageFiles, StoredFile } from './store.ts';
import { compareTokens, describeToken, sameToken } from './token.ts';
import type { Token } from './token.ts';

/** This attempt was overtaken: another one holds the stage, and nothing of ours may be written any more. */
export class FencedError extends KnownError {
  readonly holder: Token | null;

  constructor(directory: string, ours: Token, holder: Token | null) {
    const other = holder === null ? 'nobody (the stage was not claimed)' : describeToken(holder);
    super(
      'Fenced',
      `${directory}: expected the token of ${describeToken(ours)}, got that of ${other}; this attempt ends here`,
    );
    this.holder = holder;
  }
}

type Change = (manifest: Manifest, files: readonly StoredFile[]) => ManifestContent;

/** How a process takes its stage. */
interface Taken {
  /** False for all but one of several processes: those see what they change, and nobody else does. */
  readonly isWriter?: boolean;
  /** Whether commits of files return before the store has them: `flush` waits for that. */
  readonly isLate?: boolean;
}

/** A stage in the hands of one attempt, which alone may add to its results until a later attempt claims it. */
export class HeldStage implements StageFiles {
  readonly store: ArtifactStore;
  /** `<run>/<stage>`. */
  readonly directory: string;
  readonly token: Token;
  readonly #isWriter: boolean;
  #manifest: Manifest;
  readonly #late: LateCommits | null;

  private constructor(
    store: ArtifactStore,
    directory: string,
    token: Token,
    manifest: Manifest,
    { isWriter = true, isLate = false }: Taken = {},
  ) {
    this.#isWriter = isWriter;
    this.#late = isLate ? new LateCommits(async (commits) => await this.#carryOut(commits)) : null;
    this.store = store;
    this.directory = directory;
    this.token = token;
    this.#manifest = manifest;
  }

  /**
   * Makes `token` the only one that may commit to the stage. What an earlier claim with the same fingerprint finished is
   * kept, to be gone on from; with another fingerprint it is set aside and the stage begins anew, unless the claim says otherwise.
   * @throws FencedError where a later attempt has claimed the stage
   */
  static async claim(store: ArtifactStore, directory: string, token: Token, claim: Claim): Promise<HeldStage> {
    const refuse = (found: Manifest | null): void => {
      const holder = found?.token ?? null;
      if (holder !== null && compareTokens(token, holder) < 0) throw new FencedError(directory, token, holder);
    };
    let manifest = await changed(store, directory, (found) => {
      refuse(found);
      if (found === null) return withToken(emptyManifest(token, claim), token, claim);
      // Other work stays what it is until it is set aside: whoever is killed before that has changed nothing but the token.
      const isOther = found.fingerprint !== claim.fingerprint;
      return withToken({ ...found, state: isOther ? found.state : 'running' }, token, claim);
    });
    await store.complete(directory, manifest);
    await store.sweep(directory);
    if (manifest.fingerprint !== claim.fingerprint) {
      const { attempts } = manifest;
      const notice = manifest.state === 'done' ? null : (claim.goesOn?.(manifest) ?? null);
      if (notice === null) await store.setAside(directory, manifest);
      else console.warn(`${directory}: ${notice}`);
      manifest = await changed(store, directory, (found) => {
        refuse(found);
        if (notice !== null && found !== null) return takenUp(found, claim, notice);
        return { ...emptyManifest(token, claim), origin: claim.origin ?? null, attempts };
      });
    }
    return new HeldStage(store, directory, token, manifest);
  }

  /**
   * The stage as its process gets it from the attempt that has claimed it.
   * @throws FencedError where another attempt holds the stage
   */
  static async take(store: ArtifactStore, directory: string, token: Token, as: Taken = {}): Promise<HeldStage> {
    return new HeldStage(store, directory, token, heldBy(token, directory, await store.read(directory)), as);
  }

  get root(): string {
    return this.store.root;
  }

  /** As it was when this attempt last read or changed it; late commits count as made. */
  get manifest(): Manifest {
    return this.#manifest;
  }

  /**
   * Puts files into the store and changes the manifest, which has to name them, in one step: either all of it is true
   * afterwards, or nothing is. `change` may be called again after somebody else's change, so it must come to the same
   * when it is done twice.
   * @param change gets the files in their order; without it they are listed as further files of the result
   * @throws FencedError where another attempt has claimed the stage
   */
  async commit(files: readonly NewFile[], change: Change = listedAs('files')): Promise<readonly StoredFile[]> {
    if (!this.#isWriter) throw new TypeError(`${this.directory}: expected one process to write, got another one`);
    if (this.#late !== null && files.length > 0) return await this.#commitLate(this.#late, files, change);
    return await withStored(this.store, this.directory, files, async (stored) => {
      const saved = stored.length > 0 ? { saved: now() } : {};
      await this.#change((found) => withAttempt(naming(change(found, stored), stored), this.token, saved), stored);
    }).catch(async (error: unknown) => {
      // An attempt that was overtaken may find its files swept away: what it is told is that.
      heldBy(this.token, this.directory, await this.store.read(this.directory));
      throw error;
    });
  }

  async #commitLate(late: LateCommits, files: readonly NewFile[], change: Change): Promise<readonly StoredFile[]> {
    const stored: StoredFile[] = [];
    for (const file of files) stored.push(await this.store.put(this.directory, file));
    const commit = { stored, change: (found: Manifest) => naming(change(found, stored), stored) };
    this.#manifest = withChanges(this.#manifest, [commit]);
    late.add(commit);
    const named = new Set(allFilesOf(this.#manifest).map(({ sha256 }) => sha256));
    const waiting = late.waiting.flatMap((one) => one.stored);
    await this.store.discard(waiting.filter(({ sha256 }) => !named.has(sha256)));
    return stored;
  }

  async #carryOut(commits: readonly LateCommit[]): Promise<void> {
    const next = (found: Manifest | null): ManifestContent => {
      const made = withChanges(heldBy(this.token, this.directory, found), commits);
      return withAttempt(made, this.token, { saved: now() });
    };
    const stored = commits.flatMap((commit) => commit.stored);
    const made = await changed(this.store, this.directory, next, stored);
    this.#manifest = withChanges(made, this.#late?.waiting ?? []);
  }

  /** Bytes of late commits that have not arrived yet. */
  get bytesLeft(): number {
    return this.#late?.bytesLeft ?? 0;
  }

  /** Waits until the store has all that was committed. @throws whatever stopped a late commit, such as FencedError */
  async flush(): Promise<void> {
    await this.#late?.flush();
  }

  /** Puts texts into the stage's folder, by their names there, and lists them in the manifest, all in one step. */
  async put<Name extends string>(
    texts: Readonly<Record<Name, string>>,
    as: ListedAs = 'files',
  ): Promise<Record<Name, FileReference>> {
    const names = Object.entries<string>(texts);
    const files = names.map(([name, content]) => ({ file: `${this.directory}/${name}`, content }));
    const stored = await this.commit(files, listedAs(as));
    const entries = names.map(([name], at) => [name, { file: stored[at]!.file, sha256: stored[at]!.sha256 }]);
    // Object.entries forgets the names' type.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return Object.fromEntries(entries) as Record<Name, FileReference>;
  }

  /**
   * Writes down what this attempt computes with. Where it goes on from work that was done with something else, that is
   * noted for whoever reads the result.
   */
  async computesWith(environment: Manifest['environment']): Promise<void> {
    const { manifest } = this;
    const isBegun = manifest.checkpoints.length + manifest.epochs.length + manifest.chunks.length > 0;
    const notice = isBegun ? noticeOf(manifest.environment, environment) : null;
    if (notice !== null) console.warn(`${this.directory}: ${notice}`);
    const added = notice === null ? [] : [notice];
    await this.#change((found) => ({ ...found, environment, notices: [...new Set([...found.notices, ...added])] }));
  }

  /** Changes the manifest without a file. @throws FencedError */
  async change(change: (manifest: Manifest) => ManifestContent): Promise<Manifest> {
    return await this.#change(change);
  }

  /** Writes down how the attempt ended, with whatever else is true from then on. @throws FencedError */
  async end(end: Pick<Attempt, 'ending' | 'phases'>, change: Partial<ManifestContent> = {}): Promise<Manifest> {
    return await this.#change((found) => withAttempt({ ...found, ...change }, this.token, { ended: now(), ...end }));
  }

  async #change(change: (manifest: Manifest) => ManifestContent, files: readonly StoredFile[] = []): Promise<Manifest> {
    if (!this.#isWriter) return (this.#manifest = { ...this.#manifest, ...change(this.#manifest) });
    await this.flush();
    const next = (found: Manifest | null) => change(heldBy(this.token, this.directory, found));
    return (this.#manifest = await changed(this.store, this.directory, next, files));
  }
}

/**
 * Changes the manifest of a stage that is done, where no attempt writes any more: records a choice.
 * @throws FencedError if the stage is being worked on, or a later attempt has had it
 */
export async function amend(
  store: ArtifactStore,
  directory: string,
  token: Token,
  files: readonly NewFile[],
  change: Change,
): Promise<void> {
  await withStored(store, directory, files, async (stored) => {
    await changed(
      store,
      directory,
      (found) => {
        const holder = found?.token ?? null;
        if (found?.state !== 'done' || (holder !== null && compareTokens(token, holder) < 0)) {
          throw new FencedError(directory, token, holder);
        }
        return naming(change(found, stored), stored);
      },
      stored,
    );
  });
}

/** Puts files and runs `use` with them; what no manifest names after a failure is dropped. */
async function withStored(
  store: ArtifactStore,
  directory: string,
  files: readonly NewFile[],
  use: (stored: readonly StoredFile[]) => Promise<void>,
): Promise<readonly StoredFile[]> {
  const stored: StoredFile[] = [];
  try {
    for (const file of files) stored.push(await store.put(directory, file));
    await use(stored);
    return stored;
  } catch (error) {
    const manifest = await store.read(directory);
    const named = new Set(manifest === null ? [] : allFilesOf(manifest).map(({ sha256 }) => sha256));
    await store.discard(stored.filter(({ sha256 }) => !named.has(sha256)));
    throw error;
  }
}

async function changed(
  store: ArtifactStore,
  directory: string,
  change: (manifest: Manifest | null) => ManifestContent,
  files: readonly StoredFile[] = [],
): Promise<Manifest> {
  for (let tried = 1; ; tried++) {
    const seen = await store.read(directory);
    const made = await store.swap(directory, seen, change(seen), files);
    if (made !== null) return made;
    // The more writers there are, the longer each of them has to wait.
    await sleep(Math.min(10 * tried, 300) * Math.random());
  }
}

function heldBy(token: Token, directory: string, manifest: Manifest | null): Manifest {
  if (manifest?.token == null || !sameToken(manifest.token, token)) {
    throw new FencedError(directory, token, manifest?.token ?? null);
  }
  return manifest;
}

function withChanges(manifest: Manifest, commits: readonly LateCommit[]): Manifest {
  return commits.reduce((found, { change }) => ({ ...found, ...change(found) }), manifest);
}

function listedAs(as: ListedAs): Change {
  return (manifest, stored) => ({ ...manifest, [as]: replaced(manifest[as], stored) });
}

/** The list with those files in it, in the place of earlier ones of the same names. */
export function replaced(list: readonly FileReference[], files: readonly FileReference[]): FileReference[] {
  const others = list.filter((one) => !files.some(({ file }) => file === one.file));
  return [...others, ...files.map(({ file, sha256 }) => ({ file, sha256 }))];
}

// A file that no manifest names can neither be found nor taken over nor cleared away.
function naming(content: ManifestContent, stored: readonly StoredFile[]): ManifestContent {
  const named = new Map(allFilesOf(content).map(({ file, sha256 }) => [file, sha256]));
  const forgotten = stored.find(({ file, sha256 }) => named.get(file) !== sha256);
  if (forgotten === undefined) return content;
  throw new RangeError(`${forgotten.file}: expected the manifest to name the file that is committed with it`);
}
