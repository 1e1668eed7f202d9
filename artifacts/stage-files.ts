import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isErrno } from './files.ts';
import { placeOf } from './paths.ts';
import { BadInput } from '../plan/endings.ts';
import type { FileReference } from '../plan/results.ts';

/** What work that the worker does itself may do with files: read results that are what they were, put its own texts all at once. */
export interface StageFiles {
  /** Results root, absolute. */
  readonly root: string;
  /** The stage's folder, relative to the results root. */
  readonly directory: string;
  /** Puts texts into the stage's folder, by their names there, in one commit under the attempt's token. */
  put(texts: Readonly<Record<string, string>>): Promise<Readonly<Record<string, FileReference>>>;
}

/**
 * The text of a result file.
 * @throws BadInput where there is none, or one with other bytes than it is named for
 */
export async function readResult(root: string, { file, sha256 }: FileReference): Promise<string> {
  const text = await readFile(placeOf(root, file), 'utf8').catch((cause: unknown) => {
    if (!isErrno(cause, 'ENOENT')) throw cause;
    throw new BadInput(`${file}: expected a result file, got none; run the stage that makes it again`, { cause });
  });
  const found = sha256Of(text);
  if (found === sha256) return text;
  throw new BadInput(`${file}: expected sha256 ${sha256}, got ${found}; run the stage that makes it again`);
}

/** The sha256 of a text in UTF-8, as 64 hex digits. */
export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
