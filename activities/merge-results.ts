import { performStage, publish } from './stage-activity.ts';
import { mergeFiles } from '../nas/evaluation/merge.ts';
import { MergeResultsConfig } from '../pipelines/kinds/merge-results.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** Joins the parts of a ranking, all or nothing. */
export async function mergeResults(input: StageInput): Promise<StageResult> {
  return await performStage(input, async (attempt) => {
    const { parts, smooth } = MergeResultsConfig.parse(attempt.input.with);
    const given = parts.filter((part) => part !== null);
    const { top1, top5, table, beside, subnets } = await mergeFiles(attempt.root, given, smooth);
    const [sha1 = '', sha5 = ''] = await publish(attempt, [top1, top5, table, ...beside]);
    return { ranking: { top1: top1.file, top5: top5.file, sha256: { top1: sha1, top5: sha5 }, subnets } };
  });
}
