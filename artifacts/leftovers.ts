import { allFilesOf, namedFiles } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import type { FileReference } from './references.ts';

/** Something in a store that no result rests on, and that may be removed. */
export interface Leftover {
  /**
   * `set aside`: made by a stage before its config changed. `unnamed`: no manifest names it. `upload`: begun, never ended.
   * `verification`: of a `nas verify-resume` that was broken off, or found differences.
   */
  readonly what: 'set aside' | 'unnamed' | 'upload' | 'verification';
  /** Where it lies, as the store knows it. */
  readonly place: string;
  /** The directory of the stage that set it aside; null for all else. */
  readonly stage: string | null;
  readonly bytes: number;
}

/**
 * Younger than that, what no manifest names may be on its way: a file is put before a manifest names it. Beyond it nothing
 * is, since whoever puts a file that is there already makes it young again.
 */
export const GRACE_MS = 24 * 60 * 60_000;

/** Every file that a stage has made or was made of. */
export function namesOf(manifest: Manifest): FileReference[] {
  return [...allFilesOf(manifest), ...namedFiles(manifest.config)];
}
