import { rm } from 'node:fs/promises';
import { BadInput } from '../../plan/endings.ts';
import { logsIn } from '../files.ts';
import { GRACE_MS } from '../leftovers.ts';
import type { Leftover } from '../leftovers.ts';
import { allFilesOf, nextManifest, parseManifest } from '../manifest.ts';
import type { Manifest, ManifestContent } from '../manifest.ts';
import type { FileReference } from '../references.ts';
import type { ArtifactStore, NewFile, StoredFile } from '../store.ts';
import { parseS3Address } from './address.ts';
import { Bucket, pause } from './bucket.ts';
import { S3Fault } from './faults.ts';
import { recall, remember } from './finished.ts';
import { asideKey, directoryOf, keyOf, manifestKey } from './keys.ts';
import { clearFrom, leftoversIn, removeBelow } from './leftovers.ts';
import { LocalFiles } from './local-files.ts';
import { bringLogs, sendLogs } from './logs.ts';
import { probeBucket } from './probe.ts';
import { download, upload } from './transfer.ts';

const TRIES = 6;

/**
 * Results in a bucket, for workers that share nothing else. Files go by their content, so that runs share them and none is
 * ever changed; checkpoints, which are their stage's alone, go beside its manifest. The manifest is one object, which is
 * written only over the very one that was read. What is new waits on this machine's disk until the manifest that names it
 * is swapped in.
 */
export class S3Store implements ArtifactStore {
  readonly root: string;
  readonly isFar = true;
  readonly bucket: Bucket;
  readonly #local: LocalFiles;
  /** By directory: the manifest that was read last, and its object's tag. */
  readonly #known = new Map<string, { readonly tag: string; readonly manifest: Manifest }>();

  /** @param root `s3://…` @throws BadInput for an address that cannot be used */
  constructor(root: string) {
    this.root = root;
    this.bucket = new Bucket(parseS3Address(root));
    this.#local = new LocalFiles(root);
  }

  async probe(): Promise<void> {
    await this.#local.probe();
    await probeBucket(this.bucket);
  }

  async read(directory: string): Promise<Manifest | null> {
    const known = this.#known.get(directory);
    const found = await this.bucket.read(manifestKey(directory), known?.tag);
    if (found === 'unchanged') return known?.manifest ?? null;
    if (found === null) return null;
    const manifest = parseManifest(found.text, manifestKey(directory));
    this.#known.set(directory, { tag: found.tag, manifest });
    return manifest;
  }

  async swap(
    directory: string,
    seen: Manifest | null,
    next: ManifestContent,
    files: readonly StoredFile[] = [],
  ): Promise<Manifest | null> {
    const manifest = nextManifest(directory, seen, next);
    const named = new Set(allFilesOf(manifest).map(({ sha256 }) => sha256));
    for (const file of files) if (named.has(file.sha256)) await this.#send(file);
    if (!(await this.#written(directory, seen, manifest))) return null;
    await this.discard(files);
    await this.#dropCheckpoints(seen, manifest);
    return manifest;
  }

  /**
   * Writes the manifest over the one that was seen; false where somebody else was faster. An answer can be lost after
   * the bucket has done what it was asked, and then a repeated request is refused for the sake of our own manifest. So no
   * answer is believed: what the bucket holds decides.
   */
  async #written(directory: string, seen: Manifest | null, manifest: Manifest): Promise<boolean> {
    const text = `${JSON.stringify(manifest)}\n`;
    for (let tried = 1; ; tried++) {
      // The tag is that of what was read last: it has to be what the caller has seen.
      const known = this.#known.get(directory);
      if (seen !== null && known?.manifest.nonce !== seen.nonce) return false;
      const condition = seen === null || known === undefined ? 'new' : { tag: known.tag };
      try {
        const tag = await this.bucket.write(manifestKey(directory), text, condition);
        this.#known.set(directory, { tag, manifest });
        return true;
      } catch (error) {
        if (!(error instanceof S3Fault)) throw error;
        const now = await this.read(directory);
        if (now?.nonce === manifest.nonce) return true;
        if (now?.nonce !== seen?.nonce) return false;
        if (tried === TRIES) throw error;
        await pause(tried);
      }
    }
  }

  async put(directory: string, file: NewFile): Promise<StoredFile> {
    if (!('copyOf' in file)) {
      const made = await this.#local.make(directory, file);
      await this.keep(made);
      return made;
    }
    const there = await this.#renewed(keyOf(file.copyOf));
    if (there === null) throw missing(file.copyOf);
    return { file: file.file, sha256: file.copyOf.sha256, bytes: there.bytes, waitsAt: null };
  }

  /** The second half of `put`, for files that were made on another thread. */
  async keep(made: StoredFile): Promise<void> {
    await this.#local.keep(made);
  }

  async #send(file: StoredFile): Promise<void> {
    if (file.waitsAt === null) return;
    const there = await this.#renewed(keyOf(file));
    if (there?.bytes !== file.bytes) await upload(this.bucket, keyOf(file), file.waitsAt, file.sha256);
  }

  /** An object that is to be named again: it must not be cleared away as old before that. */
  async #renewed(key: string): Promise<{ bytes: number } | null> {
    const there = await this.bucket.look(key);
    if (there !== null && there.changed.getTime() < Date.now() - GRACE_MS / 2) await this.bucket.renew(key);
    return there;
  }

  async #dropCheckpoints(seen: Manifest | null, manifest: Manifest): Promise<void> {
    const kept = new Set(manifest.checkpoints.map(keyOf));
    const dropped = (seen?.checkpoints ?? []).map(keyOf).filter((key) => !kept.has(key));
    await this.bucket.remove(dropped);
  }

  async discard(files: readonly StoredFile[]): Promise<void> {
    await Promise.all(files.map(async ({ waitsAt }) => waitsAt !== null && (await rm(waitsAt, { force: true }))));
  }

  async complete(): Promise<void> {
    // Files have arrived under their names before a manifest names them.
  }

  async sweep(directory: string): Promise<void> {
    await this.#local.dropWaiting(directory);
  }

  async setAside(directory: string, manifest: Manifest): Promise<void> {
    const aside = { ...manifest, checkpoints: [] };
    await this.bucket.write(asideKey(directory, manifest), `${JSON.stringify(aside)}\n`);
    await this.#local.dropWork(directory);
  }

  async hashOf(file: FileReference): Promise<string | null> {
    if ((await this.#local.cached(file.sha256)) !== null) return file.sha256;
    return await this.#downloaded(file, () => undefined);
  }

  async has(file: FileReference): Promise<boolean> {
    return (await this.bytesOf(file)) !== null;
  }

  async bytesOf(file: FileReference): Promise<number | null> {
    return (await this.bucket.look(keyOf(file)))?.bytes ?? null;
  }

  async fetch(file: FileReference): Promise<string> {
    let place = await this.#local.cached(file.sha256);
    if (place !== null) return place;
    const found = await this.#downloaded(file, (entered) => (place = entered));
    if (place !== null) return place;
    if (found === null) throw missing(file);
    throw new BadInput(`${file.file}: expected sha256 ${file.sha256}, got ${found}; run the stage that makes it again`);
  }

  /** The sha256 of the object's bytes, which enter the cache if that is the file's; null where there is no object. */
  async #downloaded(file: FileReference, entered: (place: string) => void): Promise<string | null> {
    const incoming = await this.#local.incoming(file.sha256);
    try {
      const sha256 = await download(this.bucket, keyOf(file), incoming);
      if (sha256 === file.sha256) entered(await this.#local.enter(incoming, sha256));
      return sha256;
    } finally {
      await rm(incoming, { force: true });
    }
  }

  async publish(file: FileReference, from: string): Promise<void> {
    // Else an older one of the same size could be taken for it, where an answer is lost.
    await this.bucket.remove([keyOf(file)]);
    await upload(this.bucket, keyOf(file), from, file.sha256);
  }

  async workFolder(directory: string): Promise<string> {
    return await this.#local.workFolder(directory);
  }

  async logs(directory: string): Promise<string[]> {
    const folder = await this.workFolder(directory);
    await bringLogs(this.bucket, directory, folder);
    return await logsIn(folder);
  }

  async keepLogs(directory: string): Promise<void> {
    await sendLogs(this.bucket, directory, await this.workFolder(directory));
  }

  async stages(run?: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of this.bucket.list(run === undefined ? 'runs/' : manifestKey(run, ''))) {
      const directory = directoryOf(key);
      if (directory !== null) found.push(directory);
    }
    return found.toSorted();
  }

  async leftovers(): Promise<Leftover[]> {
    return await leftoversIn(this.bucket, async (directory) => await this.read(directory));
  }

  async clear(leftovers: readonly Leftover[]): Promise<void> {
    await clearFrom(this.bucket, leftovers);
  }

  async remember(fingerprint: string, directory: string): Promise<void> {
    await remember(this.bucket, fingerprint, directory);
  }

  async recall(fingerprints: readonly string[]): Promise<string[][]> {
    return await recall(this.bucket, fingerprints);
  }

  /** Removes all that is in it, and what lies of it on this machine. */
  async removeAll(): Promise<void> {
    await removeBelow(this.bucket, '');
    await this.#local.remove();
  }
}

function missing({ file }: FileReference): BadInput {
  return new BadInput(`${file}: expected it in the bucket, got no such file; run the stage that makes it again`);
}
