import { load } from 'js-yaml';
import path from 'node:path';
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { projectRoot } from '../../artifacts/paths.ts';
import { comparisonText } from '../../cli/compare.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { compareRankings } from '../../nas/evaluation/agreement.ts';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { compareRuns } from '../../report/compare.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const read = (file: string): string => readFileSync(path.join(projectRoot, 'configs', file), 'utf8');
const space = SpaceConfig.parse(load(read('spaces/fashion.yml')));
const file = 'configs/ground-truth/fashion.json';
const source = { file, sha256: sha256Of(read('ground-truth/fashion.json')) };
const { accuracies } = await readGroundTruth(space, source);
const config = { space: JSON.parse(JSON.stringify(space)), ground_truth: source, seed: 0, epochs: 3 };

/** A trained stage whose epoch 1 was chosen; `scores` are what its supernet makes of the subnets. */
async function trained(root: string, directory: string, scores: Iterable<number>, more: object = {}): Promise<void> {
  const groundTruth = [...scores];
  const plain = {
    file: null,
    sha256: null,
    bytes: null,
    loss: 1,
    min: { top1: 0, top5: 0 },
    max: { top1: 0, top5: 0 },
  };
  const tau = groundTruth.length === accuracies.length ? kendallTau(accuracies, groundTruth) : 0;
  await finishedStage(root, directory, 'train-supernet', {
    config: { ...config, ...more },
    epochs: [{ epoch: 1, tau, interval: [-0.5, 0.5], groundTruth, ...plain }],
    selection: { epoch: 1, tau, by: 'rule', who: 'max', when: '2026-01-01T00:00:00Z', why: '' },
  });
}

const noisy = accuracies.map((value, at) => value + (at % 3) * 2);

/** What a stage before has handed on. */
function inherit(run: string): object {
  return { inherit: { file: `${run}/x/1.safetensors`, sha256: sha256Of(run) } };
}

test('runs are compared by their settings, and by their taus on the same resamples', async () => {
  const root = temporaryFolder();
  await trained(root, 'a/one', accuracies, inherit('a'));
  await trained(root, 'b/one', noisy, { seed: 7, ...inherit('b') });
  await trained(root, 'c/one', accuracies.slice(1), inherit('c'));
  // A stage is called after its directory in these results.
  const compared = await compareRuns(root, ['a/one', 'b/one', 'c/one']);
  expect(compared.settings).toEqual([{ stages: ['stage'], key: 'seed', values: [0, 7, 0] }]);
  const [supernet] = compared.supernets;
  expect(supernet?.overFirst[1]).toEqual(compareRankings(kendallTau, accuracies, noisy, accuracies, { seed: 0 }));
  expect(supernet?.overFirst[1]?.estimate).toBeCloseTo(kendallTau(accuracies, noisy) - 1, 12);
  expect([supernet?.overFirst[0], supernet?.overFirst[2]]).toEqual([null, null]);
  const text = stripVTControlCharacters(comparisonText(compared));
  expect(text).toMatch(/over a\/one +-0\.\d{3} \[-0\.\d{3}, -0\.\d{3}\]/);
  expect(text).toMatch(/attempts +1 +1 +1/);
});

test('a run without results is refused by name', async () => {
  await expect(compareRuns(temporaryFolder(), ['none', 'other'])).rejects.toThrow(/none: expected a run .* got none/);
});
