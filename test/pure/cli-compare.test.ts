import { load } from 'js-yaml';
import path from 'node:path';
import { readFileSync, writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { projectRoot } from '../../runtime/layout.ts';
import { armsText, comparisonText } from '../../cli/compare.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { comparePairs, compareRankings, groupsOf } from '../../nas/evaluation/agreement.ts';
import type { Interval } from '../../nas/evaluation/agreement.ts';
import { kendallTau } from '../../nas/evaluation/correlation.ts';
import { counted, readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { comparePage } from '../../pages/compare-page.tsx';
import { compareArms } from '../../report/arms.ts';
import { chosenIn, GroundTruths } from '../../report/chosen.ts';
import { compareRuns, stagesNamed } from '../../report/compare.ts';
import { baselineFigures, supernetFigures } from '../../report/figures.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { trainedStage } from '../support/trained-stage.ts';

const read = (file: string): string => readFileSync(path.join(projectRoot, 'configs', file), 'utf8');
const space = SpaceConfig.parse(load(read('spaces/fashion.yml')));
const file = 'configs/ground-truth/fashion.json';
const source = { file, sha256: sha256Of(read('ground-truth/fashion.json')) };
const { accuracies, runs } = await readGroundTruth(space, source);
const config = { space: JSON.parse(JSON.stringify(space)), n_classes: 10, ground_truth: source, seed: 0, epochs: 3 };

/** A trained stage whose epoch 1 was chosen; `scores` are what its supernet makes of the subnets. */
async function trained(
  root: string,
  directory: string,
  scores: Iterable<number>,
  more: object = {},
  stage = directory,
): Promise<void> {
  const own = [...scores];
  const agreement = own.length === accuracies.length ? kendallTau(accuracies, own) : 0;
  const tau = Number.isNaN(agreement) ? null : agreement;
  await trainedStage(root, directory, { scores: own, tau, config: { ...config, ...more }, stage });
}

const noisy = accuracies.map((value, at) => value + (at % 3) * 2);

const shown = ({ estimate, low, high }: Interval) => [estimate, low, high].map((value) => value.toFixed(3));

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
  expect(supernet?.overFirst[1]).toEqual({
    ...compareRankings(kendallTau, accuracies, noisy, accuracies, { seed: 0, runs }),
    inside: null,
  });
  expect(supernet?.overFirst[1]?.estimate).toBeCloseTo(kendallTau(accuracies, noisy) - 1, 12);
  expect([supernet?.overFirst[0], supernet?.overFirst[2]]).toEqual([null, null]);
  const text = stripVTControlCharacters(comparisonText(compared));
  expect(text).toMatch(/over a\/one +-0\.\d{3} \[-0\.\d{3}, -0\.\d{3}\]/);
  expect(text).toMatch(/attempts +1 +1 +1/);
});

test('with every figure, supernets stand beside the baselines, overall and inside bands', async () => {
  const root = temporaryFolder();
  const listed = Object.entries<object>(JSON.parse(read('ground-truth/fashion.json'))).slice(0, 12);
  const bands = Object.fromEntries(listed.map(([id, one], at) => [id, { ...one, band: at % 2 === 0 ? 'a' : 'b' }]));
  const banded = path.join(root, 'banded.json');
  writeFileSync(banded, JSON.stringify(bands));
  const ground_truth = { file: banded, sha256: sha256Of(JSON.stringify(bands)) };
  const [exact, worse] = [accuracies.slice(0, 12), noisy.slice(0, 12)];
  await trained(root, 'a/one', exact, { ground_truth });
  await trained(root, 'b/one', worse, { ground_truth });
  const compared = await compareRuns(root, ['a/one', 'b/one'], true);
  const truth = await readGroundTruth(space, ground_truth);
  const scored = baselineFigures(space, counted(truth, [...truth.subnets.keys()]), 10);
  expect(compared.baselines).toEqual([{ file: banded, figures: scored.map(({ figures }) => figures) }]);
  const [supernet] = compared.supernets;
  expect(supernet?.chosen.map((one) => one?.figures)).toEqual(
    [exact, worse].map((scores) => supernetFigures(truth, scores, scored, 0)),
  );
  const inside = { seed: 0, runs: truth.runs, groups: groupsOf(truth.bands) };
  expect(supernet?.overFirst[1]?.inside).toEqual(compareRankings(kendallTau, exact, worse, exact, inside));
  const text = stripVTControlCharacters(comparisonText(compared));
  const page = comparePage(compared);
  const { tau, spearman, regret, inside: within, overBaseline } = supernet!.chosen[1]!.figures!;
  for (const one of [
    spearman,
    regret,
    within!.tau,
    within!.spearman,
    overBaseline,
    within!.overBaseline,
    scored[0]!.figures.tau,
  ]) {
    const [estimate, low, high] = shown(one);
    expect(text).toContain(`${estimate} [${low}, ${high}]`);
    const [figure, from, to] = shown(one).map((value) => value.replace('-', '−'));
    expect(page).toContain(`${figure} (${from} to ${to})`);
  }
  expect(tau.estimate).toBeCloseTo(kendallTau(exact, worse), 12);
  expect(text).toMatch(/without training +tau +regret +tau inside bands/);
  expect((await compareRuns(root, ['a/one', 'b/one'])).baselines).toEqual([]);
});

test('by a setting, supernets that differ in it alone are compared pair by pair, and all pairs together', async () => {
  const root = temporaryFolder();
  const noise = [0.5, 1, 2].map((size) => accuracies.map((value, at) => value + size * ((at * 7) % 5)));
  for (const [seed, scores] of noise.entries()) {
    await trained(root, `run/float32-${seed}`, accuracies, { seed, precision: 'float32' });
    await trained(root, `run/bf16-${seed}`, scores, { seed, precision: 'bf16' });
  }
  const arms = await compareArms(await stagesNamed(root, 'run'), 'precision');
  const pairs = noise.map((scores) => [scores, accuracies] as const);
  expect(arms).toMatchObject({ key: 'precision', first: 'float32', others: [{ value: 'bf16' }] });
  const [arm] = arms.others;
  expect(arm?.pairs.map(({ name }) => name)).toEqual(['seed 0', 'seed 1', 'seed 2']);
  for (const [at, { difference }] of arm!.pairs.entries()) {
    const [scores] = pairs[at]!;
    expect(difference.estimate).toBeCloseTo(kendallTau(accuracies, scores) - 1, 12);
    expect(difference).toEqual(compareRankings(kendallTau, accuracies, scores, accuracies, { seed: 0, runs }));
  }
  const estimates = arm!.pairs.map(({ difference }) => difference.estimate);
  expect(arm?.mean.estimate).toBeCloseTo(estimates.reduce((sum, one) => sum + one, 0) / 3, 12);
  expect(arm?.mean).toEqual(comparePairs(kendallTau, accuracies, pairs, { seed: 0, runs }));
  const text = stripVTControlCharacters(armsText(arms));
  expect(text).toMatch(/seed 0 .* -0\.\d{3} \[-0\.\d{3}, -?0\.\d{3}\]/);
  expect(text).toMatch(/mean of 3 +-0\.\d{3} \[/);
  const page = comparePage(await compareRuns(root, ['run']), { arms });
  expect(page).toContain('What precision is worth');
  expect(page).toContain(`${arm!.mean.estimate.toFixed(3).replace('-', '−')} (`);
  await expect(compareArms(await stagesNamed(root, 'run'), 'epochs')).rejects.toThrow(
    'got epochs; they differ in seed, precision',
  );
});

test('the page of a comparison has the differences that the command prints', async () => {
  const root = temporaryFolder();
  await trained(root, 'a/one', accuracies);
  await trained(root, 'b/one', noisy, { seed: 7 });
  const compared = await compareRuns(root, ['a/one', 'b/one']);
  const page = comparePage(compared);
  const { estimate, low, high } = compared.supernets[0]!.overFirst[1]!;
  const words = [estimate, low, high].map((value) => value.toFixed(3).replace('-', '−'));
  expect(page).toContain(`${words[0]} (${words[1]} to ${words[2]})`);
  expect(page).toContain('<code>seed</code>');
});

test('a stage is compared by its id too, and one that is nowhere is refused by name', async () => {
  const root = temporaryFolder();
  await trained(root, 'a/k_2_from_1', accuracies, {}, 'few-shot-2');
  await trained(root, 'b/k_2_from_1', noisy, { seed: 7 }, 'few-shot-2');
  const byFolder = await compareRuns(root, ['a/k_2_from_1', 'b/k_2_from_1/']);
  const byId = await compareRuns(root, ['a/few-shot-2', 'b/few-shot-2']);
  expect(byId).toEqual({ ...byFolder, runs: byId.runs });
  expect(byId.supernets[0]?.overFirst[1]).not.toBeNull();
  await expect(compareRuns(root, ['a/few-shot-2', 'b/few-shot-3'])).rejects.toThrow(/b\/few-shot-3: expected a run/);
});

test('supernets that were measured by one ground truth share it as it was read', async () => {
  const root = temporaryFolder();
  await trained(root, 'a/one', accuracies);
  await trained(root, 'b/one', noisy);
  const [one, other] = (await catalogue(root)).map(chosenIn);
  const truths = new GroundTruths();
  expect(await truths.of(one!)).toBe(await truths.of(other!));
  expect([...(await truths.of(one!)).accuracies]).toEqual([...accuracies]);
});

test('a difference to a supernet that ranks nothing is undefined, in words', async () => {
  const root = temporaryFolder();
  await trained(root, 'a/one', accuracies);
  await trained(root, 'b/one', [...accuracies].fill(50));
  const compared = await compareRuns(root, ['a/one', 'b/one']);
  expect(stripVTControlCharacters(comparisonText(compared))).toMatch(/over a\/one +undefined\n/);
  expect(comparePage(compared)).toContain('>undefined<');
});

test('a run without results is refused by name', async () => {
  await expect(compareRuns(temporaryFolder(), ['none', 'other'])).rejects.toThrow(/none: expected a run .* got none/);
});
