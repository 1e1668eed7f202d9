import path from 'node:path';
import { writeFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import type { CataloguedStage } from '../../artifacts/catalogue.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { stagesText } from '../../cli/compare.ts';
import { baselines } from '../../nas/evaluation/baselines.ts';
import type { Scoring } from '../../nas/evaluation/epoch-scores.ts';
import { readGroundTruth } from '../../nas/evaluation/ground-truth.ts';
import { withSizes } from '../../nas/evaluation/size-mix.ts';
import { randomOf } from '../../nas/space/random.ts';
import { parseSubnetList } from '../../nas/space/subnet-list.ts';
import { comparePage } from '../../pages/compare-page.tsx';
import { compareRuns } from '../../report/compare.ts';
import { compareStages } from '../../report/compare-stages.ts';
import type { ComparedStages } from '../../report/compare-stages.ts';
import { plainMean, plainTau } from '../support/plain-statistics.ts';
import { committedSpace, configText } from '../support/spaces.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { trainedStage } from '../support/trained-stage.ts';

const space = committedSpace('fashion');
const listed = parseSubnetList(space, configText('subnets/fashion-bench-bands.txt'), 'bands').slice(20, 44);
const random = randomOf(1, 'worth');
/** Two bands of twelve; each third subnet is held out. */
const entries = listed.map(({ code }, at) => {
  const runs = [0, 1, 2].map(() => 70 + (at < 12 ? 0 : 3) + 2 * random.normal());
  return { arch: code, acc: plainMean(runs), runs, band: at < 12 ? 'small' : 'large', held_out: at % 3 === 2 };
});
const text = JSON.stringify(Object.fromEntries(entries.map((entry, at) => [`arch${at + 1}`, entry])));
const accuracies = entries.map(({ acc }) => acc);
const held = [...entries.keys()].filter((at) => entries[at]!.held_out);
const chosenBy = [...entries.keys()].filter((at) => !entries[at]!.held_out);

const mean = (of: (own: readonly number[]) => number, lists: readonly number[][]): number => plainMean(lists.map(of));

/** Scores that agree with the truth, but for so much noise. */
const scores = (noise: number): number[] => accuracies.map((value) => value + noise * random.normal());
const at = (list: readonly number[], positions: readonly number[]): number[] => positions.map((one) => list[one]!);
const tauAt = (own: readonly number[], positions: readonly number[]): number =>
  plainTau(at(accuracies, positions), at(own, positions));
/** The mean over the bands. */
const insideAt = (own: readonly number[], positions: readonly number[]): number =>
  plainMean(
    ['small', 'large'].map((band) =>
      tauAt(
        own,
        positions.filter((one) => entries[one]!.band === band),
      ),
    ),
  );

const truth = (root: string): { file: string; sha256: string } => {
  const file = path.join(root, 'truth.json');
  writeFileSync(file, text);
  return { file, sha256: sha256Of(text) };
};

type Trained = readonly [run: string, stage: string, scores: readonly number[]];

/** A results root with these stages. */
async function resultsOf(trained: readonly Trained[]): Promise<string> {
  const root = temporaryFolder();
  const config = { space, n_classes: 10, ground_truth: truth(root), seed: 0 };
  for (const [run, stage, own] of trained) {
    await trainedStage(root, `${run}/${stage}`, { scores: own, tau: 0, config, stage });
  }
  return root;
}

async function compared(trained: readonly Trained[], over: string, heldOut: boolean): Promise<ComparedStages> {
  const root = await resultsOf(trained);
  return await compareStages(await stagesIn(root, trained), over, heldOut);
}

async function stagesIn(root: string, trained: readonly Trained[]): Promise<CataloguedStage[]> {
  const runs = [...new Set(trained.map(([run]) => run))];
  return (await Promise.all(runs.map(async (run) => await catalogue(root, run)))).flat();
}

test('what a stage is worth over another is the mean over runs, overall and inside bands', async () => {
  const long = [scores(4), scores(4)];
  const ladder = [scores(1), scores(1)];
  const trained = [0, 1].flatMap((seed): Trained[] => [
    [`run-${seed}`, 'long', long[seed]!],
    [`run-${seed}`, 'few-shot-7', ladder[seed]!],
  ]);
  const found = await compared(trained, 'long', false);
  expect(found).toMatchObject({ over: 'long', subnets: 16, heldOut: false });
  const [itself, other] = ['long', 'few-shot-7'].map((stage) => found.stages.find((one) => one.stage === stage)!);
  expect(itself).toMatchObject({ supernets: 2, overall: { over: null }, inside: { over: null } });
  expect(other!.supernets).toBe(2);
  for (const [place, of] of [
    ['overall', (own: readonly number[]) => tauAt(own, chosenBy)],
    ['inside', (own: readonly number[]) => insideAt(own, chosenBy)],
  ] as const) {
    const { tau, over, overBaseline } = other![place]!;
    expect(tau.estimate).toBeCloseTo(mean(of, ladder), 12);
    expect(over!.estimate).toBeCloseTo(mean(of, ladder) - mean(of, long), 12);
    expect(over!.low).toBeLessThan(over!.estimate);
    expect(over!.high).toBeGreaterThan(over!.estimate);
    expect(itself![place]!.overBaseline.estimate - overBaseline.estimate).toBeCloseTo(-over!.estimate, 12);
  }
});

test('held-out subnets alone count where they are asked for, beside the baseline that is best on them', async () => {
  const own = scores(1);
  const { stages, subnets, baseline, heldOut } = await compared([['run', 'one', own]], 'one', true);
  expect([subnets, heldOut]).toEqual([8, true]);
  const { overall, inside } = stages[0]!;
  expect(overall.tau.estimate).toBeCloseTo(tauAt(own, held), 12);
  expect(inside!.tau.estimate).toBeCloseTo(insideAt(own, held), 12);
  const sizes = baselines(
    space,
    held.map((one) => listed[one]!.subnet),
    { classes: 10, resolution: 28 },
  );
  const best = Math.max(...Object.values(sizes).map((values) => plainTau(at(accuracies, held), [...values])));
  expect(overall.overBaseline.estimate).toBeCloseTo(tauAt(own, held) - best, 12);
  expect(Object.keys(sizes)).toContain(baseline.overall);
});

test('cells of a matrix stand beside the cells of the same number', async () => {
  const [a, b, c, d] = [scores(1), scores(2), scores(3), scores(4)];
  const { stages, leftOut } = await compared(
    [
      ['run', 'plain.1', a],
      ['run', 'plain.2', b],
      ['run', 'other.1', c],
      ['run', 'other.2', d],
      ['run', 'single', d],
    ],
    'plain',
    false,
  );
  expect(stages.map(({ stage, supernets }) => [stage, supernets])).toEqual([
    ['other', 2],
    ['plain', 2],
  ]);
  expect(leftOut).toEqual(['run/single']);
  const expected = plainMean([tauAt(c, chosenBy) - tauAt(a, chosenBy), tauAt(d, chosenBy) - tauAt(b, chosenBy)]);
  expect(stages[0]!.overall.over!.estimate).toBeCloseTo(expected, 12);
});

test('the terminal and the page tell the same, and what cannot be compared is refused', async () => {
  const trained: Trained[] = [
    ['run', 'one-shot', scores(3)],
    ['run', 'silu', scores(1)],
  ];
  const root = await resultsOf(trained);
  const stages = await compareStages(await stagesIn(root, trained), 'one-shot', false);
  const words = stripVTControlCharacters(stagesText(stages));
  const page = comparePage(await compareRuns(root, ['run', 'run']), { stages });
  const { over } = stages.stages.find(({ stage }) => stage === 'silu')!.inside!;
  const [estimate, low, high] = [over!.estimate, over!.low, over!.high].map((value) => value.toFixed(3));
  expect(words).toContain(`+${estimate} [${low}, ${high}]`);
  expect(words).toContain(`tau inside bands`);
  expect(words).toContain(`on the 16 subnets of`);
  expect(page).toContain('What each stage is worth over one-shot');
  expect(page).toContain(`${estimate} (`);
  await expect(compared(trained, 'mish', false)).rejects.toThrow(
    '--over: expected a stage that trains, one of one-shot, silu, got mish',
  );
  const ground_truth = { file: `${root}/other.json`, sha256: sha256Of('{}') };
  const config = { space, n_classes: 10, ground_truth, seed: 0 };
  await trainedStage(root, 'run/other', { scores: scores(1), tau: 0, config });
  await expect(compareStages(await catalogue(root, 'run'), 'one-shot', false)).rejects.toThrow('got several');
});

test('all are ranked alike where that is wanted, whatever their stages say', async () => {
  const root = temporaryFolder();
  const file = path.join(root, 'bench.json');
  writeFileSync(file, configText('ground-truth/fashion-bench.json'));
  const ground_truth = { file, sha256: sha256Of(configText('ground-truth/fashion-bench.json')) };
  const whole = await readGroundTruth(space, ground_truth);
  const own = Array.from(whole.accuracies, (value) => value + 2 * random.normal());
  const config = { space, n_classes: 10, ground_truth, seed: 0 };
  await trainedStage(root, 'run/one', { scores: own, tau: 0, config, stage: 'one' });
  const stages = await catalogue(root, 'run');
  const mixed = withSizes({ space, classes: 10, truth: whole }, own);
  const positions = [...whole.heldOut.keys()].filter((one) => whole.heldOut[one]);
  const of = async (scoring: Scoring | null) => (await compareStages(stages, 'one', true, scoring)).stages[0]!;
  const tauOf = (ranked: ArrayLike<number>) =>
    plainTau(
      positions.map((one) => whole.accuracies[one]!),
      positions.map((one) => ranked[one]!),
    );
  expect((await of(null)).overall.tau.estimate).toBeCloseTo(tauOf(own), 12);
  expect((await of({ sizes: true })).overall.tau.estimate).toBeCloseTo(tauOf(mixed), 12);
  await expect(of({ score: 'cross_entropy' })).rejects.toThrow(
    '--score: expected epochs that recorded their cross-entropies, got one without; train it again',
  );
});

test('a run without the stage stands beside the one of the same seed in another run, if there is one alone', async () => {
  const root = temporaryFolder();
  const config = { space, n_classes: 10, ground_truth: truth(root) };
  const drawn = [0, 1].map((seed) => ({ seed, ladder: scores(4), best: scores(1) }));
  for (const { seed, ladder, best } of drawn) {
    const of = { tau: 0, config: { ...config, seed } };
    await trainedStage(root, `ladder-${seed}/few-shot-7`, { ...of, scores: ladder, stage: 'few-shot-7' });
    await trainedStage(root, `best/best.${2 - seed}`, { ...of, scores: best, stage: `best.${2 - seed}` });
  }
  const stray = { scores: scores(1), tau: 0, config: { ...config, seed: 2 } };
  await trainedStage(root, 'best/stray', { ...stray, stage: 'stray' });
  const all = await Promise.all(['ladder-0', 'ladder-1', 'best'].map(async (run) => await catalogue(root, run)));
  const { stages, leftOut } = await compareStages(all.flat(), 'few-shot-7', false);
  const best = stages.find(({ stage }) => stage === 'best')!;
  expect(best.supernets).toBe(2);
  const differences = drawn.map(({ ladder, best: own }) => tauAt(own, chosenBy) - tauAt(ladder, chosenBy));
  expect(best.overall.over!.estimate).toBeCloseTo(plainMean(differences), 12);
  expect(leftOut).toEqual(['best/stray']);
  // Two of one seed: which one is meant is not guessed.
  await trainedStage(root, 'ladder-2/few-shot-7', { ...stray, config: { ...config, seed: 0 }, stage: 'few-shot-7' });
  const more = [...all.flat(), ...(await catalogue(root, 'ladder-2'))];
  expect((await compareStages(more, 'few-shot-7', false)).leftOut).toEqual(['best/best.2', 'best/stray']);
});
