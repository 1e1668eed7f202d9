import { existsSync } from 'node:fs';
import { readManifest } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { filesOf, hashAt } from '../artifacts/named-files.ts';
import { placeOf } from '../artifacts/paths.ts';
import type { Choice } from '../workflows/messages.ts';
import type { StageResult } from './contract.ts';

/** A stage that is done with that fingerprint and whose files are as they were; what was deleted or damaged is made anew. */
export async function findFinished(root: string, directory: string, fingerprint: string): Promise<Manifest | null> {
  const manifest = await readManifest(root, directory);
  if (manifest?.state !== 'done' || manifest.fingerprint !== fingerprint) return null;
  // Of epochs one that is left is enough, and whoever takes a supernet in compares its hash.
  if (manifest.epochs.length > 0) return choicesOf(manifest, root).length > 0 ? manifest : null;
  return (await damagedFile(root, manifest)) === null ? manifest : null;
}

/** The first file of a result that is gone or has other bytes; null where all are as they were. `looked` is called between files. */
export async function damagedFile(root: string, manifest: Manifest, looked?: () => void): Promise<string | null> {
  for (const { file, sha256 } of filesOf(manifest)) {
    const found = await hashAt(root, file);
    if (found !== sha256) return found === null ? `no file ${file}` : `other bytes in ${file}`;
    looked?.();
  }
  return null;
}

/** Why work is taken over whose fingerprint is the same. */
export function becauseSame(directory: string): string {
  return `reused from ${directory}, because inputs, config and code are the same`;
}

/** What a finished stage gives to the workflow. `reused` says why nothing was done, if nothing was. */
export function resultOf(manifest: Manifest, root: string, attempt: number, reused: string | null): StageResult {
  if (manifest.epochs.length === 0) {
    return { outputs: manifest.outputs, choices: null, chosen: null, attempt, reused };
  }
  const { selection } = manifest;
  const choices = choicesOf(manifest, root);
  const isPersons = selection?.by === 'person' && choices.some(({ key }) => key === selection.epoch);
  const chosen = isPersons
    ? { epoch: selection.epoch, by: selection.by, who: selection.who, why: selection.why }
    : null;
  return { outputs: null, choices, chosen, attempt, reused };
}

/** Epochs a person or a rule may choose: those whose supernet is there. */
export function choicesOf(manifest: Manifest, root: string): Choice[] {
  const there = manifest.epochs.filter(({ file }) => file !== null && existsSync(placeOf(root, file)));
  return there.map(({ epoch, tau, interval }) => ({ key: epoch, score: tau, interval }));
}
