// Finished pieces of a part, on disk and in the manifest: what a killed evaluation goes on at.
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { atomicWrite, temporaryName } from '../../artifacts/atomic-write.ts';
import { commit } from '../../artifacts/fence.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { placeOf } from '../../artifacts/paths.ts';
import type { Job } from '../process/protocol.ts';
import { sha256Of } from './ranking-files.ts';
import type { Score } from './score.ts';

const count = z.int().nonnegative();
// JSON has no NaN; a broken net's cross-entropy is written as null.
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const Scores = z.array(z.strictObject({ top1: count, top5: count, images: count, crossEntropy: number }));

/** Records the scores of the part's subnets from position `from` on, durably and under the job's token. */
export async function commitChunk(job: Job, from: number, scores: readonly Score[]): Promise<void> {
  const to = from + scores.length;
  const file = `${job.directory}/chunks/${from}-${to}.json`;
  const text = `${JSON.stringify(scores)}\n`;
  const place = placeOf(job.results, file);
  await mkdir(path.dirname(place), { recursive: true });
  const temporary = temporaryName(place);
  await atomicWrite(temporary, text);
  const chunk = { from, to, file, sha256: sha256Of(text) };
  await commit(
    job.results,
    job.directory,
    job.token,
    (manifest) => ({ ...manifest, chunks: [...manifest.chunks.filter((earlier) => earlier.to <= from), chunk] }),
    [{ from: temporary, to: file }],
  );
}

/** The scores that earlier attempts recorded, from the part's beginning to the first gap or damaged file. */
export async function recordedScores(job: Job, { chunks }: Manifest): Promise<Score[]> {
  const scores: Score[] = [];
  for (const { from, to, file, sha256 } of chunks.toSorted((a, b) => a.from - b.from)) {
    const text = await readFile(placeOf(job.results, file), 'utf8').catch(() => '');
    if (from !== scores.length || sha256Of(text) !== sha256) {
      console.warn(`${file}: expected sha256 ${sha256} and a first subnet ${scores.length}; evaluated anew from there`);
      break;
    }
    scores.push(...Scores.parse(JSON.parse(text)).slice(0, to - from));
  }
  return scores;
}
