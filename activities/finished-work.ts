import { existsSync } from 'node:fs';
import { sha256File } from '../artifacts/atomic-write.ts';
import { readManifest } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { placeOf } from '../artifacts/paths.ts';
import type { Json } from '../pipelines/plan.ts';
import type { Choice } from '../workflows/messages.ts';
import type { StageResult } from './contract.ts';

/** A stage that is done with that fingerprint and whose files are as they were; what was deleted or damaged is made anew. */
export async function findFinished(root: string, directory: string, fingerprint: string): Promise<Manifest | null> {
  const manifest = await readManifest(root, directory);
  if (manifest?.state !== 'done' || manifest.fingerprint !== fingerprint) return null;
  if (manifest.epochs.length > 0) return choicesOf(manifest, root).length > 0 ? manifest : null;
  const files = filesOf(manifest.outputs ?? {});
  const hashes = files.map(
    async ({ file, sha256 }) => sha256 === (await sha256File(placeOf(root, file)).catch(() => '')),
  );
  return (await Promise.all(hashes)).every(Boolean) ? manifest : null;
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

// Epochs a person or a rule may choose: those whose supernet is there.
function choicesOf(manifest: Manifest, root: string): Choice[] {
  const there = manifest.epochs.filter(({ file }) => file !== null && existsSync(placeOf(root, file)));
  return there.map(({ epoch, tau, interval }) => ({ key: epoch, score: tau, interval }));
}

// Outputs name a file beside its sha256, and the files of a ranking beside the map of theirs.
function filesOf(value: Json): { file: string; sha256: Json }[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = new Map<string, Json>(Object.entries(value));
  const sha256 = entries.get('sha256');
  const named = typeof sha256 === 'object' && sha256 !== null ? Object.entries(sha256) : [['file', sha256] as const];
  const files = named.flatMap(([name, hash]) => {
    const file = entries.get(name);
    return typeof file === 'string' && hash !== undefined ? [{ file, sha256: hash }] : [];
  });
  return [...files, ...[...entries.values()].flatMap(filesOf)];
}
