import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { atomicWrite, temporaryName } from '../artifacts/atomic-write.ts';
import { commit } from '../artifacts/fence.ts';
import { placeOf } from '../artifacts/paths.ts';
import type { StageAttempt } from './stage-activity.ts';

/** A text to put below the results root. */
export interface ResultText {
  /** Relative to the results root. */
  readonly file: string;
  readonly text: string;
}

/** Puts texts into place under the attempt's token, all in one commit; their sha256 in the same order. */
export async function publish(
  { root, input, folder, token }: StageAttempt,
  texts: readonly ResultText[],
): Promise<string[]> {
  const placements = await Promise.all(
    texts.map(async ({ file, text }) => {
      const from = temporaryName(path.join(folder, path.basename(file)));
      await mkdir(path.dirname(placeOf(root, file)), { recursive: true });
      await atomicWrite(from, text);
      return { from, to: file, sha256: createHash('sha256').update(text).digest('hex') };
    }),
  );
  await commit(root, input.directory, token, (manifest) => manifest, placements);
  return placements.map(({ sha256 }) => sha256);
}
