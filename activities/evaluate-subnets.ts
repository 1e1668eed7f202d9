import type { StageInput, StageResult } from './contract.ts';
import { performStage } from './stage-activity.ts';
import { runJob } from './stage-job.ts';

/** Tests one part of a set of subnets. */
export async function evaluateSubnets(input: StageInput, device: string): Promise<StageResult> {
  return await performStage(input, (attempt) => runJob('evaluate-subnets', attempt), device);
}
