import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FileReference } from '../../artifacts/references.ts';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { ZeroCostRecord } from '../../nas/evaluation/zero-cost/config.ts';
import { readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { reportOf } from '../../report/report.ts';
import type { ReportConfig } from '../../report/report.ts';
import { tinyZeroCost } from '../support/evaluation-configs.ts';
import { plainStageFiles } from '../support/plain-stage-files.ts';
import { jobOf, startStage } from '../support/stage-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';

const { space, ground_truth: source } = tinySupernet();

test('subnets are scored without training, to the same bits again, and a report ranks them by each score', async () => {
  const config = tinyZeroCost();
  const run = async (): Promise<{ results: string; scores: FileReference; text: string }> => {
    const results = temporaryFolder();
    const stage = await startStage(
      'nas/evaluation/main.ts',
      jobOf('zero-cost-scores', results, 'run/zero-cost', config, 1),
      results,
    );
    const done = await stage.when(({ type }) => type === 'done');
    if (done.type !== 'done') throw new Error('expected done');
    const scores = FileReference.parse(done.outputs['scores']);
    return { results, scores, text: readFileSync(path.join(results, scores.file), 'utf8') };
  };
  const [{ results, scores: file, text }, again] = [await run(), await run()];
  expect(again.text).toBe(text);

  const { scores } = ZeroCostRecord.parse(JSON.parse(text));
  const { accuracies } = await readGroundTruth(space, source);
  const asked: ReportConfig = {
    space,
    n_classes: 10,
    ground_truth: source,
    subnets: 'all',
    supernets: [null],
    ranking: null,
    zero_cost: file,
  };
  const { baselines } = await reportOf(results, asked);
  for (const [name, values] of Object.entries(scores)) {
    expect(values).toHaveLength(accuracies.length);
    const row = baselines.find((one) => one.name === name);
    expect(row!.tau.estimate, name).toBeCloseTo(kendallTau(accuracies, values), 12);
  }
  const strange = await plainStageFiles(results, 'run/other').put({
    'zero-cost.json': text.replace(source.sha256, 'a'.repeat(64)),
  });
  await expect(reportOf(results, { ...asked, zero_cost: strange['zero-cost.json']! })).rejects.toThrow(
    'expected scores of the subnets of test/fixtures/ground-truth-tiny.json, got those of another ground truth',
  );
});
