import { performStage } from './stage-activity.ts';
import { runJob } from './stage-job.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** Trains one subnet alone, once with each seed. */
export async function trainStandalone(input: StageInput, device: string): Promise<StageResult> {
  return await performStage(input, (attempt) => runJob('train-standalone', attempt), device);
}
