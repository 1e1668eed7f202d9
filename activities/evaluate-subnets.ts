import { performStage } from './stage-activity.ts';
import { runJob } from './stage-job.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** Tests one part of a set of subnets. */
export async function evaluateSubnets(input: StageInput, device: string): Promise<StageResult> {
  return await performStage(input, (attempt) => runJob('evaluate-subnets', attempt), device);
}
