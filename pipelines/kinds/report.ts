import { z } from 'zod';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { defineKind, light, RankingReference, samples, SelectedSupernetReference } from './kind.ts';

export const ReportConfig = z.strictObject({
  space: SpaceConfig,
  n_classes: z.int().positive(),
  /** The accuracies that tau was measured against; the baselines are measured against them too. */
  ground_truth: z.strictObject({ file: z.string().min(1), sha256: z.string().length(64) }),
  /** In the order of the table; null where a stage was skipped. */
  supernets: z.array(SelectedSupernetReference.nullable()).min(1),
  /** Null where nothing is ranked. */
  ranking: RankingReference.nullable().default(null),
});
export type ReportConfig = z.infer<typeof ReportConfig>;

/** Writes `report.md` and `report.json`: per stage the chosen epoch and its tau with interval, beside the baselines. */
export const report = defineKind({
  ...light,
  name: 'report',
  codeVersion: 2,
  summary: 'writes the table of chosen supernets beside the baselines',
  schema: ReportConfig,
  keys: Object.keys(ReportConfig.shape),
  neutral: [],
  lists: ['ground_truth'],
  outputs: ['report'],
  hasEpochs: false,
  samples: () => ({ report: samples.file() }),
  cost: () => null,
});
