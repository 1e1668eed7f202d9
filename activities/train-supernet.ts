import { performStage } from './stage-activity.ts';
import { runJob } from './stage-job.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** One-shot and few-shot training; its epochs are what can be chosen from. */
export async function trainSupernet(input: StageInput, device: string): Promise<StageResult> {
  return await performStage(input, (attempt) => runJob('train-supernet', attempt), device);
}
