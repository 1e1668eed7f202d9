import { z } from 'zod';
import { DAY, defineKind, light } from './kind.ts';

const PipelineConfig = z.strictObject({
  /** Another pipeline file, relative to the project root. */
  file: z.string().min(1),
  /** Its params; those not named keep their values. */
  params: z.record(z.string(), z.json()).default({}),
});

/** A pipeline as one stage. Its outputs are those of its stages: `${{ stages.<id>.<stage of it>.<output> }}`. */
export const pipeline = defineKind({
  ...light,
  name: 'pipeline',
  codeVersion: 1,
  summary: 'runs another pipeline as one stage',
  schema: PipelineConfig,
  keys: Object.keys(PipelineConfig.shape),
  neutral: [],
  lists: [],
  // The loader adds the stages of the file.
  outputs: [],
  hasEpochs: false,
  // Its stages are, each by itself.
  isReusable: false,
  timeout: { startToCloseMs: 30 * DAY, heartbeatMs: null },
  samples: () => ({}),
  cost: () => null,
});
