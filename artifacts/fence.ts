import { KnownError } from '../plan/endings.ts';
import path from 'node:path';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { atomicWrite } from './files.ts';
import { withLock } from './lock.ts';
import { Manifest, ManifestError, readManifest } from './manifest.ts';
import type { Attempt } from './manifest.ts';
import { fileNames, placeOf } from './paths.ts';
import { describeToken, isOlder, sameToken } from './token.ts';
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

/** What a stage is, for a manifest that does not exist yet or was of another fingerprint. */
export interface Claim {
  readonly uses: string;
  readonly fingerprint: string;
  readonly config: Manifest['config'];
  readonly environment: Manifest['environment'];
  /** Where the attempt runs: `cpu`, `gpu:0` … */
  readonly device: string;
  /** When the attempt was put into the queue, ISO 8601. */
  readonly queued: string;
}

/**
 * Makes `token` the only one that may commit to the stage in `directory` (relative to `root`) and returns its manifest.
 * What an earlier claim with the same fingerprint finished is kept, to be gone on from; with another fingerprint it is
 * moved to `older/` and the stage begins anew. A token older than the present one gets FencedError.
 */
export async function claimStage(root: string, directory: string, token: Token, claim: Claim): Promise<Manifest> {
  return await locked(root, directory, async () => {
    const found = await readManifest(root, directory);
    if (found !== null) refuseOvertaken(directory, found, token);
    const same = found?.fingerprint === claim.fingerprint;
    const folder = placeOf(root, directory);
    if (found !== null && !same) await setAside(folder, found.fingerprint);
    await sweep(folder);
    const base: Manifest = same ? found : emptyManifest(token, claim);
    const attempts = found?.attempts ?? [];
    const known = attempts.some((attempt) => sameToken(attempt.token, token));
    const ours = { token, host: hostname(), pid: process.pid, device: claim.device, queued: claim.queued };
    return await write(root, directory, {
      ...base,
      token,
      environment: claim.environment,
      attempts: known ? attempts : [...attempts, { ...ours, started: now(), ...unended }],
    });
  });
}

/** A file that becomes part of the results with a commit. */
export interface Placement {
  /** Absolute path of the finished, fsynced file, in the stage's directory; its name ends in `.tmp`. */
  readonly from: string;
  /** Its final path, relative to the results root. */
  readonly to: string;
  /** Given, the file is listed in the manifest as a part of the result. */
  readonly sha256?: string;
}

/**
 * Changes the manifest if `token` still holds the stage (compare and swap under a lock), else throws FencedError. Files
 * go into place under the same lock, after the comparison: an attempt that was overtaken leaves every file as it is.
 */
export async function commit(
  root: string,
  directory: string,
  token: Token,
  change: (manifest: Manifest) => Manifest,
  files: readonly Placement[] = [],
): Promise<Manifest> {
  return await underToken(root, directory, token, async (found) => {
    for (const file of files) await rename(file.from, placeOf(root, file.to));
    return withAttempt(change(withFiles(found, files)), token, { saved: now() });
  });
}

/**
 * Changes the manifest of a stage that is done, where no attempt writes any more: records a choice. Throws FencedError
 * if the stage is being worked on.
 */
export async function amend(
  root: string,
  directory: string,
  token: Token,
  change: (manifest: Manifest) => Manifest,
): Promise<Manifest> {
  return await locked(root, directory, async () => {
    const found = await readManifest(root, directory);
    if (found?.state !== 'done') throw new FencedError(directory, token, found?.token ?? null);
    return await write(root, directory, change(found));
  });
}

/** An attempt that has just begun. */
const unended = { saved: null, ended: null, ending: null, phases: null } as const;

/** Writes down how the attempt of `token` ended; FencedError where another attempt has taken over meanwhile. */
export async function closeAttempt(
  root: string,
  directory: string,
  token: Token,
  end: Pick<Attempt, 'ending' | 'phases'>,
): Promise<Manifest> {
  return await underToken(root, directory, token, async (found) => withAttempt(found, token, { ended: now(), ...end }));
}

function withAttempt(manifest: Manifest, token: Token, change: Partial<Attempt>): Manifest {
  const attempts = manifest.attempts.map((one) => (sameToken(one.token, token) ? { ...one, ...change } : one));
  return { ...manifest, attempts };
}

async function underToken(
  root: string,
  directory: string,
  token: Token,
  change: (manifest: Manifest) => Promise<Manifest>,
): Promise<Manifest> {
  return await locked(root, directory, async () => {
    const found = await readManifest(root, directory);
    if (found?.token == null || !sameToken(found.token, token)) {
      throw new FencedError(directory, token, found?.token ?? null);
    }
    return await write(root, directory, await change(found));
  });
}

function withFiles(manifest: Manifest, placed: readonly Placement[]): Manifest {
  const listed = placed.flatMap(({ to, sha256 }) => (sha256 === undefined ? [] : [{ file: to, sha256 }]));
  const others = manifest.files.filter(({ file }) => !listed.some((one) => one.file === file));
  return { ...manifest, files: [...others, ...listed] };
}

async function locked<T>(root: string, directory: string, body: () => Promise<T>): Promise<T> {
  const folder = placeOf(root, directory);
  await mkdir(folder, { recursive: true });
  return await withLock(path.join(folder, fileNames.lock), body);
}

// A run that was superseded once (its attempts stand before another run's) never gets the stage back.
function refuseOvertaken(directory: string, manifest: Manifest, token: Token): void {
  const holder = manifest.token;
  if (holder === null) return;
  const superseded =
    holder.runId !== token.runId && manifest.attempts.some((attempt) => attempt.token.runId === token.runId);
  if (superseded || isOlder(token, holder)) throw new FencedError(directory, token, holder);
}

async function write(root: string, directory: string, manifest: Manifest): Promise<Manifest> {
  const parsed = Manifest.safeParse(manifest);
  if (!parsed.success) {
    throw new ManifestError(
      `${directory}: refusing to write a manifest that breaks its schema: ${parsed.error.message}`,
    );
  }
  const text = `${JSON.stringify(parsed.data, null, 1)}\n`;
  await atomicWrite(path.join(placeOf(root, directory), fileNames.manifest), text);
  return parsed.data;
}

function emptyManifest(token: Token, claim: Claim): Manifest {
  return {
    version: 1,
    stage: token.stage,
    uses: claim.uses,
    fingerprint: claim.fingerprint,
    state: 'running',
    token,
    config: claim.config,
    environment: claim.environment,
    epochs: [],
    checkpoints: [],
    chunks: [],
    outputs: null,
    selection: null,
    files: [],
    reused: null,
    attempts: [],
  };
}

// The lock stays where it is, and so does what was set aside before.
async function setAside(folder: string, fingerprint: string): Promise<void> {
  const target = path.join(folder, fileNames.setAside, `${fingerprint.slice(0, 12)}-${Date.now()}`);
  await mkdir(target, { recursive: true });
  for (const entry of await readdir(folder)) {
    if (entry === fileNames.setAside || entry.startsWith(fileNames.lock)) continue;
    await rename(path.join(folder, entry), path.join(target, entry));
  }
}

// Half-written files of earlier attempts: nobody may finish them any more.
async function sweep(folder: string): Promise<void> {
  for (const place of [folder, path.join(folder, fileNames.checkpoints)]) {
    const entries = await readdir(place).catch(() => []);
    const stale = entries.filter((entry) => entry.endsWith('.tmp') && !entry.startsWith(fileNames.lock));
    await Promise.all(stale.map((entry) => rm(path.join(place, entry), { force: true })));
  }
}

function now(): string {
  return new Date().toISOString();
}
