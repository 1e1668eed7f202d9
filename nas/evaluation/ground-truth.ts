import { z } from 'zod';
import { noiseCeiling, reliability } from './agreement.ts';
import { readResult } from '../../artifacts/stage-files.ts';
import type { StageFiles } from '../../artifacts/stage-files.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import type { FileReference, StandaloneResult as ResultReference } from '../../plan/results.ts';
import { StandaloneResult } from '../training/standalone-result.ts';

/** What `${{ stages.<standalone>.result }}` gives. */
const StandaloneResultReference: z.ZodType<ResultReference> = z.strictObject({
  file: z.string().min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits'),
  arch: z.string(),
  mean: z.number(),
});

/** `with` of `ground-truth-table`. */
export const GroundTruthTableConfig = z.strictObject({
  space: SpaceConfig,
  n_classes: z.int().positive(),
  /** Usually `${{ stages.<standalone>.result }}`. */
  results: z.array(StandaloneResultReference).min(1),
});
type GroundTruthTableConfig = z.infer<typeof GroundTruthTableConfig>;

/** `ground-truth-table`: the accuracies of subnets that were trained alone, in the form of a ground truth, with what noise allows. */
export async function groundTruthTable(
  files: StageFiles,
  { results }: GroundTruthTableConfig,
): Promise<{ table: FileReference }> {
  const read = results.map(async (result) => StandaloneResult.parse(JSON.parse(await readResult(files.root, result))));
  const { 'ground-truth.json': table } = await files.put(tableTexts(await Promise.all(read)));
  return { table };
}

function tableTexts(results: readonly StandaloneResult[]): Record<'ground-truth.json' | 'ground-truth.md', string> {
  const entries = results.map(({ arch, mean, standardError, runs }, index) => [
    `arch${index + 1}`,
    { arch, acc: mean, standard_error: standardError, runs: runs.map(({ top1 }) => top1) },
  ]);
  return {
    'ground-truth.json': `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`,
    'ground-truth.md': `${markdownOf(results)}\n`,
  };
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
