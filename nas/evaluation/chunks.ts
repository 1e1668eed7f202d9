import { z } from 'zod';
import { readFile } from 'node:fs/promises';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { Score } from './score.ts';

// Scores of subnets as an evaluation records them, chunk by chunk: a killed one goes on behind the last.

const count = z.int().nonnegative();

// JSON has no NaN; a broken net's cross-entropy is written as null.
const number = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const Scores = z.array(z.strictObject({ top1: count, top5: count, images: count, crossEntropy: number }));

/** Records the scores of the subnets from position `from` on. */
export async function commitChunk(stage: HeldStage, from: number, scores: readonly Score[]): Promise<void> {
  const to = from + scores.length;
  const file = `${stage.directory}/chunks/${from}-${to}.json`;
  await stage.commit([{ file, content: `${JSON.stringify(scores)}\n` }], (manifest, [saved]) => {
    const earlier = manifest.chunks.filter((chunk) => chunk.to <= from);
    return { ...manifest, chunks: [...earlier, { from, to, file, sha256: saved!.sha256 }] };
  });
}

/** The scores that earlier attempts recorded, from the first subnet to the first gap or damaged file. */
export async function recordedScores({ store, manifest }: HeldStage): Promise<Score[]> {
  const scores: Score[] = [];
  for (const chunk of manifest.chunks.toSorted((a, b) => a.from - b.from)) {
    const { from, to, file, sha256 } = chunk;
    if (from !== scores.length || (await store.hashOf(chunk)) !== sha256) {
      console.warn(
        `${file}: expected sha256 ${sha256} and a first subnet ${scores.length}; evaluated again from there`,
      );
      break;
    }
    const text = await readFile(await store.fetch(chunk), 'utf8');
    scores.push(...Scores.parse(JSON.parse(text)).slice(0, to - from));
  }
  return scores;
}
