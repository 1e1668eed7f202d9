import type { Json } from '../pipelines/plan.ts';
import { sha256File } from './atomic-write.ts';
import type { Manifest } from './manifest.ts';
import { placeOf } from './paths.ts';

/** A file below the results root (or the project's, in a config), by what it must hold. */
export interface NamedFile {
  readonly file: string;
  readonly sha256: Json;
}

/** Every file of a result with its sha256: outputs, epochs, and what lies beside them. */
export function filesOf({ outputs, epochs, files }: Manifest): NamedFile[] {
  const kept = epochs.flatMap(({ file, sha256 }) => (file === null ? [] : [{ file, sha256 }]));
  return [...namedFiles(outputs ?? {}), ...kept, ...files];
}

/** The files that a value names: outputs name a file beside its sha256, and the files of a ranking beside the map of theirs. */
export function namedFiles(value: Json): NamedFile[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries = new Map<string, Json>(Object.entries(value));
  const sha256 = entries.get('sha256');
  const named = typeof sha256 === 'object' && sha256 !== null ? Object.entries(sha256) : [['file', sha256] as const];
  const files = named.flatMap(([name, hash]) => {
    const file = entries.get(name);
    return typeof file === 'string' && hash !== undefined ? [{ file, sha256: hash }] : [];
  });
  return [...files, ...[...entries.values()].flatMap(namedFiles)];
}

/** The sha256 of a file below the results root; null where there is none, or where its name leads out of the root. */
export async function hashAt(root: string, file: string): Promise<string | null> {
  try {
    return await sha256File(placeOf(root, file));
  } catch {
    return null;
  }
}
