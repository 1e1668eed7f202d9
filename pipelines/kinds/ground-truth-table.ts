import { z } from 'zod';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { defineKind, light, samples, StandaloneResultReference } from './kind.ts';

export const GroundTruthTableConfig = z.strictObject({
  space: SpaceConfig,
  n_classes: z.int().positive(),
  /** Usually `${{ stages.<standalone>.result }}`. */
  results: z.array(StandaloneResultReference).min(1),
});
export type GroundTruthTableConfig = z.infer<typeof GroundTruthTableConfig>;

/** Writes the ground truth of a space: each subnet's mean and standard error, how well the seeds agree, and the tau that allows. */
export const groundTruthTable = defineKind({
  ...light,
  name: 'ground-truth-table',
  codeVersion: 1,
  summary: 'writes the accuracies of the subnets trained alone, with their reliability',
  schema: GroundTruthTableConfig,
  keys: Object.keys(GroundTruthTableConfig.shape),
  neutral: [],
  lists: [],
  outputs: ['table'],
  hasEpochs: false,
  samples: () => ({ table: samples.file() }),
  cost: () => null,
});
