import { z } from 'zod';
import { defineKind, light, RankingPartReference, samples } from './kind.ts';

export const MergeResultsConfig = z.strictObject({
  /**
   * Every part of one set, usually `${{ stages.<evaluation>.part }}`; missing, doubled or foreign subnets are refused. Null
   * stands for a part that was skipped, which is missing then.
   */
  parts: z.array(RankingPartReference.nullable()).min(1),
  /** Whether a predictor's scores, free of the noise of single ones, stand beside those that were measured. */
  smooth: z.boolean(),
});
export type MergeResultsConfig = z.infer<typeof MergeResultsConfig>;

/** Joins the parts of a ranking into `top1_json_final.json` and `top5_json_final.json`, all or nothing. */
export const mergeResults = defineKind({
  ...light,
  name: 'merge-results',
  codeVersion: 1,
  summary: 'joins the parts of a ranking, all or nothing',
  schema: MergeResultsConfig,
  keys: Object.keys(MergeResultsConfig.shape),
  neutral: [],
  lists: [],
  outputs: ['ranking'],
  hasEpochs: false,
  samples: () => ({ ranking: samples.ranking() }),
  cost: () => null,
});
