import { performStage, publish } from './stage-activity.ts';
import type { ResultText } from './stage-activity.ts';
import { noiseCeiling, reliability } from '../nas/evaluation/agreement.ts';
import { readResult } from '../nas/evaluation/ranking-files.ts';
import { StandaloneResult } from '../nas/training/standalone-result.ts';
import { GroundTruthTableConfig } from '../pipelines/kinds/ground-truth-table.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

/** Writes the accuracies of subnets that were trained alone, in the form of a ground truth, with what noise allows. */
export async function groundTruthTable(input: StageInput): Promise<StageResult> {
  return await performStage(input, async (attempt) => {
    const { results } = GroundTruthTableConfig.parse(attempt.input.with);
    const read = results.map(async ({ file, sha256 }) =>
      StandaloneResult.parse(JSON.parse(await readResult(attempt.root, file, sha256))),
    );
    const [table, text] = tableTexts(attempt.input.directory, await Promise.all(read));
    const [sha256 = ''] = await publish(attempt, [table, text]);
    return { table: { file: table.file, sha256 } };
  });
}

function tableTexts(directory: string, results: readonly StandaloneResult[]): [ResultText, ResultText] {
  const entries = results.map(({ arch, mean, standardError, runs }, index) => [
    `arch${index + 1}`,
    { arch, acc: mean, standard_error: standardError, runs: runs.map(({ top1 }) => top1) },
  ]);
  return [
    { file: `${directory}/ground-truth.json`, text: `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n` },
    { file: `${directory}/ground-truth.md`, text: `${markdownOf(results)}\n` },
  ];
}

function markdownOf(results: readonly StandaloneResult[]): string {
  const means = results.map(({ mean }) => mean);
  const seeds = Math.min(...results.map(({ runs }) => runs.length));
  const lines = [
    `${results.length} subnets trained alone, ${seeds} seeds each: ${Math.min(...means).toFixed(2)} to ${Math.max(...means).toFixed(2)} %.`,
  ];
  if (seeds > 1 && results.length > 2) {
    const bySeed = Array.from({ length: seeds }, (_, seed) => results.map(({ runs }) => runs[seed]?.top1 ?? NaN));
    const share = reliability(bySeed);
    const ceiling = noiseCeiling(share);
    lines.push(
      `Reliability of the means ${share.toFixed(3)} (correlation between seeds, Spearman-Brown): a perfect ranking reaches ` +
        `a tau of ${ceiling.kendallTau.toFixed(3)} and a Pearson correlation of ${ceiling.pearson.toFixed(3)} on average.`,
    );
  }
  const rows = results.map(
    ({ arch, mean, standardError }, index) =>
      `| arch${index + 1} | \`${arch}\` | ${mean.toFixed(2)} | ${standardError?.toFixed(2) ?? ''} |`,
  );
  return [...lines, '', '| subnet | code | top-1 % | standard error |', '| --- | --- | --- | --- |', ...rows].join(
    '\n',
  );
}
