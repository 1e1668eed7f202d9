// What a `with` accepts where it refers to another stage's output: the shapes of pipelines/outputs.ts, checked.
import { z } from 'zod';
import type { Ranking, RankingPart, SelectedSupernet, StandaloneResult } from '../outputs.ts';
import type { Json } from '../plan.ts';
import { SAMPLE_SHA256 } from './kind.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
const file = z.string().min(1);
const count = z.int().nonnegative();
const ranked = { top1: file, top5: file, sha256: z.strictObject({ top1: sha256, top5: sha256 }), subnets: count };

export const SelectedSupernetReference: z.ZodType<SelectedSupernet> = z.strictObject({
  file,
  sha256,
  epoch: count,
  tau: z.number().nullable(),
  groups: z.int().positive(),
});

export const StandaloneResultReference: z.ZodType<StandaloneResult> = z.strictObject({
  file,
  sha256,
  arch: z.string(),
  mean: z.number(),
});

export const RankingPartReference: z.ZodType<RankingPart> = z.strictObject({
  ...ranked,
  set: z.strictObject({ sha256, part: z.int().positive(), parts: z.int().positive() }),
});

export const RankingReference: z.ZodType<Ranking> = z.strictObject(ranked);

/** Outputs as they could be. */
export const samples = {
  supernet: (groups: number): Json => ({
    file: 'run/stage/0.5_1.safetensors',
    sha256: SAMPLE_SHA256,
    epoch: 1,
    tau: 0.5,
    groups,
  }),
  standalone: (arch: string): Json => ({ file: 'run/stage/result.json', sha256: SAMPLE_SHA256, arch, mean: 50 }),
  part: (part: number, parts: number): Json => ({
    top1: 'run/stage/top1_json1.json',
    top5: 'run/stage/top5_json1.json',
    sha256: { top1: SAMPLE_SHA256, top5: SAMPLE_SHA256 },
    subnets: 1,
    set: { sha256: SAMPLE_SHA256, part, parts },
  }),
  ranking: (): Json => ({
    top1: 'run/stage/top1_json_final.json',
    top5: 'run/stage/top5_json_final.json',
    sha256: { top1: SAMPLE_SHA256, top5: SAMPLE_SHA256 },
    subnets: 1,
  }),
  file: (): Json => ({ file: 'run/stage/file', sha256: SAMPLE_SHA256 }),
} as const;
