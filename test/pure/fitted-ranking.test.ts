import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { sha256Of } from '../../artifacts/files.ts';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { bootstrapInterval } from '../../nas/evaluation/agreement.ts';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import type { Values } from '../../nas/evaluation/correlation.ts';
import { fitRanking, FitFigures } from '../../nas/evaluation/fitted-ranking.ts';
import { readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { mergeResults, MergeResultsConfig } from '../../nas/evaluation/merge.ts';
import { Accuracies, rowOf } from '../../nas/evaluation/ranking.ts';
import { mergedRankings, readFittedRanking } from '../../nas/evaluation/read-ranking.ts';
import { withSizes } from '../../nas/evaluation/size-mix.ts';
import { randomOf } from '../../nas/space/random.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { evaluated, partsOnDisk } from '../support/evaluated-ranking.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { plainFit } from '../support/plain-fit.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { plainMean, plainTau } from '../support/plain-statistics.ts';
import { committedSpace, configText } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const space = committedSpace('fashion');
const FILE = 'configs/ground-truth/fashion-bench.json';
const ground_truth = { file: FILE, sha256: sha256Of(configText(FILE.slice('configs/'.length))) };
const truth = await readGroundTruth(space, ground_truth);
const positions = [...truth.heldOut.keys()].filter((at) => !truth.heldOut[at]);
const random = randomOf(7, 'fit');
const losses = Array.from(truth.accuracies, (value) => 2 - value / 100 + 0.02 * random.normal());
const [whole, byBudget] = [evaluated(null), evaluated(40)];
// Each row has a cross-entropy of its own.
const parts = whole.parts.map(({ part, rows }) => ({
  part,
  rows: rows.map((row) => ({ ...row, crossEntropy: 1 + 0.1 * random.normal() })),
}));
const rows = parts.flatMap((part) => part.rows);
const supernet = { file: 'run/one-shot/0.5_1.safetensors', sha256: 'a'.repeat(64), epoch: 1, tau: 0.5, groups: 1 };
const fit = { supernet, ground_truth, score: 'cross_entropy' } as const;

async function resultsRoot(): Promise<string> {
  const root = temporaryFolder();
  const record: EpochRecord = {
    epoch: 1,
    tau: 0.5,
    interval: null,
    file: supernet.file,
    sha256: supernet.sha256,
    bytes: 1,
    loss: 1,
    min: { top1: 0, top5: 0 },
    max: { top1: 0, top5: 0 },
    groundTruth: losses.map((loss) => Math.exp(-loss)),
    groundTruthLosses: losses,
  };
  await finishedStage(root, 'run/one-shot', 'train-supernet', { config: { seed: 3 }, epochs: [record] });
  return root;
}

const sizesOf = (of: { parameters: number; macs: number; depth: number }): number[] => [
  Math.log(of.parameters),
  Math.log(of.macs),
  of.depth,
];

/** Least squares on the subnets that are not held out, of a score of theirs and of their sizes. */
function plainAccuracies(own: readonly number[], given: readonly number[]): number[] {
  const known = truth.subnets.map((subnet) => rowOf({ space, n_classes: 10 }, { id: 'arch1', code: '', subnet }, null));
  const weights = plainFit(
    positions.map((at) => [1, own[at]!, ...sizesOf(known[at]!)]),
    positions.map((at) => truth.accuracies[at]!),
  );
  return rows.map((row, at) =>
    [1, given[at]!, ...sizesOf(row)].reduce((sum, value, index) => sum + weights[index]! * value, 0),
  );
}

const rmse = (a: Values, b: Values): number =>
  Math.sqrt(plainMean(Array.from(a, (value, at) => (value - b[at]!) ** 2)));

describe('a fitted ranking', () => {
  test('knows its ground truth by the content that the file has at the start', () => {
    const { stages } = loadPipeline('pipelines/fashion-best.yml');
    expect(stages.find(({ id }) => id === 'ranking')?.with).toMatchObject({ fit: { ground_truth } });
  });

  test('has the accuracies that a supernet and sizes let expect, by least squares on the ground truth', async () => {
    const root = await resultsRoot();
    const { accuracies, record } = await fitRanking(root, fit, whole.set, rows);
    const plain = plainAccuracies(
      losses.map((loss) => -loss),
      rows.map(({ crossEntropy }) => -crossEntropy),
    );
    for (const [at, value] of accuracies.entries()) expect(value).toBeCloseTo(plain[at]!, 5);
    const leftOut = withSizes(
      { space, classes: 10, truth },
      losses.map((loss) => -loss),
    );
    const [measured, expected] = [truth.accuracies, leftOut].map((of) => positions.map((at) => of[at]!));
    expect(record.leaveOut.tau.estimate).toBeCloseTo(plainTau(measured!, expected!), 12);
    const squares = measured!.map((value, at) => (value - expected![at]!) ** 2);
    expect(record.leaveOut.rmse.estimate).toBeCloseTo(Math.sqrt(plainMean(squares)), 12);
    expect(record.leaveOut.tau).toEqual(bootstrapInterval(kendallTau, measured!, expected!, { seed: 0 }));
    const drawn = bootstrapInterval(rmse, measured!, expected!, { seed: 0 });
    expect(record.leaveOut.rmse.low).toBeCloseTo(drawn.low, 12);
    expect(record.leaveOut.rmse.high).toBeCloseTo(drawn.high, 12);
    expect(record).toMatchObject({ ground_truth, score: 'cross_entropy', subnets: positions.length });
    // What one more block is worth: a row that differs in its depth alone.
    const deeper = [{ ...rows[0]!, depth: rows[0]!.depth + 1 }, ...rows.slice(1)];
    const moved = (await fitRanking(root, fit, whole.set, deeper)).accuracies;
    expect(Object.keys(record.weights)).toEqual(['score', 'log parameters', 'log MACs', 'depth']);
    expect(record.weights['depth']).toBeCloseTo(moved[0]! - accuracies[0]!, 8);
  });

  test('by top-1 takes the shares of images that are right', async () => {
    const { accuracies } = await fitRanking(await resultsRoot(), { ...fit, score: 'top1' }, whole.set, rows);
    const plain = plainAccuracies(
      losses.map((loss) => Math.exp(-loss)),
      rows.map(({ top1 }) => top1 / 100),
    );
    for (const [at, value] of accuracies.entries()) expect(value).toBeCloseTo(plain[at]!, 5);
  });

  test('takes a net without a finite logit for as bad as the worst', async () => {
    const root = await resultsRoot();
    const worst = Math.max(...rows.map(({ crossEntropy }) => crossEntropy));
    const of = async (loss: number) =>
      (await fitRanking(root, fit, whole.set, [{ ...rows[0]!, crossEntropy: loss }, ...rows.slice(1)])).accuracies;
    const [broken, bad] = [await of(NaN), await of(worst)];
    expect(Math.abs(broken[0]! - bad[0]!)).toBeLessThan(1e-6);
  });

  test('is refused where another supernet was evaluated, or not every subnet', async () => {
    const root = await resultsRoot();
    const other = { ...fit, supernet: { ...supernet, sha256: 'b'.repeat(64) } };
    await expect(fitRanking(root, other, whole.set, rows)).rejects.toThrow(
      /^fit\.supernet: expected the supernet that was evaluated \(a{12}\), got run\/one-shot\/0\.5_1\.safetensors \(b{12}\)/,
    );
    const few = Object.entries<object>(JSON.parse(configText(FILE.slice('configs/'.length)))).slice(0, 19);
    const text = JSON.stringify(Object.fromEntries(few));
    const file = path.join(root, 'few.json');
    writeFileSync(file, text);
    const fitted = fitRanking(root, { ...fit, ground_truth: { file, sha256: sha256Of(text) } }, whole.set, rows);
    await expect(fitted).rejects.toThrow('sizes: expected at least 20 subnets that are not held out, got 13');
    const some = byBudget.parts.flatMap((part) => part.rows);
    await expect(fitRanking(root, fit, byBudget.set, some)).rejects.toThrow(
      'fit: expected a score of every subnet, got none of 50; leave out the budget, or fit',
    );
  });

  test('is merged beside the measured one, and read by whoever asks for it', async () => {
    const root = await resultsRoot();
    const config = MergeResultsConfig.parse({ parts: partsOnDisk(root, { ...whole, parts }), smooth: false, fit });
    const { ranking } = await mergeResults(plainStageFiles(root, 'run/ranking'), config);
    const text = (file: string): unknown => JSON.parse(readFileSync(path.join(root, file), 'utf8'));
    const { accuracies, record } = await fitRanking(root, fit, whole.set, rows);
    const written = Accuracies.parse(text(ranking.fitted!.file));
    expect(rows.map(({ id }) => written[id]!.acc)).toEqual([...accuracies]);
    expect(FitFigures.parse(text('run/ranking/fit.json')).leaveOut.tau).toEqual(record.leaveOut.tau);
    const files = ['table_final.csv', 'top1_json_final_fitted.json', 'fit.json'].map((name) => {
      const file = `run/ranking/${name}`;
      return { file, sha256: sha256Of(readFileSync(path.join(root, file))) };
    });
    await finishedStage(root, 'run/ranking', 'merge-results', { files });
    const [merged] = mergedRankings(await catalogue(root, 'run'));
    const read = await readFittedRanking(root, merged!);
    expect(read.score).toBe('fitted');
    const scores = new Map(read.subnets.map(({ id, score }) => [id, score]));
    expect(rows.map(({ id }) => scores.get(id))).toEqual([...accuracies]);
    expect(read.subnets[0]!.error).toBe(record.leaveOut.rmse.estimate);
    await expect(readFittedRanking(root, { ...merged!, fitted: undefined })).rejects.toThrow(
      'run/ranking/table_final.csv: expected fitted accuracies, got none; merge with `fit: …`',
    );
  });
});
