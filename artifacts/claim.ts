import { hostname } from 'node:os';
import type { Attempt, Manifest, ManifestContent } from './manifest.ts';
import { sameToken } from './token.ts';
import type { Token } from './token.ts';

// What an attempt writes of itself into the manifest of its stage.

/** What a stage is, for a manifest that does not exist yet or was of another fingerprint. */
export interface Claim {
  readonly uses: string;
  readonly fingerprint: string;
  readonly config: Manifest['config'];
  /** Why unfinished work of another fingerprint is gone on with all the same, a notice; null where it begins anew. Never if absent. */
  readonly goesOn?: (found: Manifest) => string | null;
  /** Of its run; as it was where absent. */
  readonly origin?: Manifest['origin'];
  /** What is known before its process says more. */
  readonly environment?: Manifest['environment'];
  /** Where the attempt runs: `cpu`, `gpu:0` … */
  readonly device: string;
  /** When the attempt was put into the queue, ISO 8601. */
  readonly queued: string;
}

export function withToken(
  manifest: Manifest | ManifestContent,
  token: Token,
  { device, queued, origin }: Claim,
): ManifestContent {
  const isKnown = manifest.attempts.some((attempt) => sameToken(attempt.token, token));
  const ours = { token, host: hostname(), pid: process.pid, device, queued, started: now() };
  const begun = { ...ours, saved: null, ended: null, ending: null, phases: null };
  return {
    ...manifest,
    token,
    origin: origin ?? manifest.origin,
    attempts: isKnown ? manifest.attempts : [...manifest.attempts, begun],
  };
}

/** The work as it was found, under the fingerprint and config of the claim. */
export function takenUp(found: Manifest, { fingerprint, config }: Claim, notice: string): ManifestContent {
  const begunAs = found.begunAs ?? found.fingerprint;
  return { ...found, fingerprint, begunAs, config, notices: [...new Set([...found.notices, notice])] };
}

export function withAttempt(manifest: ManifestContent, token: Token, change: Partial<Attempt>): ManifestContent {
  const attempts = manifest.attempts.map((one) => (sameToken(one.token, token) ? { ...one, ...change } : one));
  return { ...manifest, attempts };
}

export function emptyManifest(token: Token, { uses, fingerprint, config, environment = {} }: Claim): ManifestContent {
  return {
    stage: token.stage,
    uses,
    fingerprint,
    begunAs: null,
    state: 'running',
    token,
    config,
    environment,
    origin: null,
    epochs: [],
    checkpoints: [],
    chunks: [],
    outputs: null,
    selection: null,
    files: [],
    extras: [],
    notices: [],
    reused: null,
    attempts: [],
  };
}

export function now(): string {
  return new Date().toISOString();
}
