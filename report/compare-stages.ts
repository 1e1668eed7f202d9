import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { runOf } from '../artifacts/catalogue.ts';
import { comparePairs, meanAgreement } from '../nas/evaluation/agreement.ts';
import type { Comparison, Groups, Interval } from '../nas/evaluation/agreement.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import type { Scoring } from '../nas/evaluation/epoch-scores.ts';
import type { Values } from '../nas/evaluation/correlation.ts';
import { chosenBy, heldOutOf } from '../nas/evaluation/ground-truth.ts';
import { BadInput } from '../plan/endings.ts';
import { parseActivityId } from '../plan/names.ts';
import { chosenIn, GroundTruths, sameSubnets } from './chosen.ts';
import type { ChosenSupernet } from './chosen.ts';
import { bandsOf, baselineFigures, bestInside, ceilingOf, draws } from './figures.ts';
import type { Ceiling, Scored } from './figures.ts';

/** What each training stage is worth beside one of them: means over runs, and over the cells of a matrix, such as seeds. */
export interface ComparedStages {
  /** The stage that the others are held against, by its id. */
  readonly over: string;
  /** The ground truth, and how many of its subnets count: those that no epoch was chosen by, or those that one may be chosen by. */
  readonly file: string;
  readonly subnets: number;
  readonly heldOut: boolean;
  readonly ceiling: Ceiling | null;
  /** What ranks best of what needs no training, overall and inside bands; null where there are none. */
  readonly baseline: { readonly overall: string; readonly inside: string | null };
  readonly stages: readonly StageWorth[];
  /** `<run>/<stage>` of those that have nothing beside them. */
  readonly leftOut: readonly string[];
}

export interface StageWorth {
  readonly stage: string;
  /** How many supernets the means are of. */
  readonly supernets: number;
  readonly overall: Worth;
  /** The means over the bands; null where there are none. */
  readonly inside: Worth | null;
}

/** Intervals draw subnets, runs of the ground truth, and supernets. */
interface Worth {
  readonly tau: Interval;
  /** Supernet by supernet of the same run and cell, or of the same seed; null for the stage itself. */
  readonly over: Comparison | null;
  readonly overBaseline: Comparison;
}

interface StageTable {
  readonly place: 'overall' | 'inside bands';
  readonly baseline: string;
  /** The tau of a perfect ranking, on average; undefined where the noise of the ground truth is not known. */
  readonly most: number | undefined;
  readonly rows: readonly { readonly stage: string; readonly supernets: number; readonly worth: Worth }[];
}

/** What is shown of them: a table overall, and one inside bands where there are any. */
export function stageTables({ baseline, ceiling, stages }: ComparedStages): StageTable[] {
  const overall = stages.map(({ overall: worth, ...of }) => ({ ...of, worth }));
  const inside = stages.flatMap(({ inside: worth, ...of }) => (worth === null ? [] : [{ ...of, worth }]));
  return [
    { place: 'overall', baseline: baseline.overall, most: ceiling?.kendallTau, rows: overall },
    ...(baseline.inside === null
      ? []
      : [
          {
            place: 'inside bands',
            baseline: baseline.inside,
            most: ceiling?.inside?.kendallTau,
            rows: inside,
          } as const,
        ]),
  ];
}

/** A supernet, and the one that it is held against. */
interface Beside {
  readonly stage: string;
  readonly supernet: ChosenSupernet;
  readonly other: ChosenSupernet;
}

/**
 * @param over the id of a stage that trains
 * @param heldOut whether the subnets count that no epoch was chosen by
 * @param scoring what all are ranked by, where it is not what each stage says
 * @throws BadInput where no run has such a stage, or supernets were measured against different subnets
 */
export async function compareStages(
  stages: readonly CataloguedStage[],
  over: string,
  heldOut: boolean,
  scoring: Scoring | null = null,
): Promise<ComparedStages> {
  const { pairs, leftOut } = besides(stages, over);
  const same = await sameSubnets(
    pairs.flatMap(({ supernet, other }) => [supernet, other]),
    new GroundTruths(),
    heldOut ? heldOutOf : chosenBy,
    scoring,
  );
  if (same === null) {
    throw new BadInput(
      '--over: expected supernets that were measured against one ground truth, got several; compare others',
    );
  }
  const { truth, scores } = same;
  if (truth.subnets.length < 2) {
    throw new BadInput(`--held-out: expected subnets with held_out: true, got ${truth.subnets.length}; leave it out`);
  }
  const { space, n_classes: classes, ground_truth: source } = pairs[0]!.supernet.trained;
  const untrained = baselineFigures(space, same, classes);
  const groups = bandsOf(truth);
  const best = { overall: untrained[0]!, inside: groups && bestInside(untrained) };
  const worthOf = (rankings: readonly (readonly [own: Values, other: Values])[], isItself: boolean) => {
    const within = (of: Groups | null, baseline: Scored): Worth => {
      const options = draws(truth, pairs[0]!.supernet.trained.seed, of);
      const own = rankings.map(([first]) => first);
      return {
        tau: meanAgreement(kendallTau, truth.accuracies, own, options),
        over: isItself ? null : comparePairs(kendallTau, truth.accuracies, rankings, options),
        overBaseline: comparePairs(
          kendallTau,
          truth.accuracies,
          own.map((ranking) => [ranking, baseline.scores] as const),
          options,
        ),
      };
    };
    return { overall: within(null, best.overall), inside: best.inside && within(groups, best.inside) };
  };
  return {
    over,
    file: source.file,
    subnets: truth.subnets.length,
    heldOut,
    ceiling: ceilingOf(truth),
    baseline: { overall: best.overall.figures.name, inside: best.inside?.figures.name ?? null },
    stages: [...new Set(pairs.map(({ stage }) => stage))].map((stage) => {
      const rankings = pairs.flatMap((pair, at) =>
        pair.stage === stage ? [[scores[2 * at]!, scores[2 * at + 1]!] as const] : [],
      );
      return { stage, supernets: rankings.length, ...worthOf(rankings, stage === over) };
    }),
    leftOut,
  };
}

/**
 * Every chosen supernet beside that stage's of its run, of the same cell where that stage has a matrix. In a run without the stage:
 * beside the only one of the same seed.
 */
function besides(stages: readonly CataloguedStage[], over: string): { pairs: Beside[]; leftOut: string[] } {
  const trained = stages.flatMap((stage) => {
    const supernet = chosenIn(stage);
    const { stage: id, cell } = parseActivityId(stage.manifest.stage);
    const run = runOf(stage.directory);
    return supernet === null ? [] : [{ name: `${run}/${stage.manifest.stage}`, run, stage: id, cell, supernet }];
  });
  const pairs: Beside[] = [];
  const leftOut: string[] = [];
  for (const { name, run, stage, cell, supernet } of trained) {
    const firsts = trained.filter((one) => one.stage === over);
    const own = firsts.filter((one) => one.run === run);
    const sameSeed = firsts.filter((one) => one.supernet.trained.seed === supernet.trained.seed);
    const other =
      own.length > 0
        ? own.find((one) => one.cell === null || one.cell === cell)
        : sameSeed.length === 1
          ? sameSeed[0]
          : undefined;
    if (other === undefined) leftOut.push(name);
    else pairs.push({ stage, supernet, other: other.supernet });
  }
  if (pairs.length > 0) return { pairs, leftOut };
  const ids = [...new Set(trained.map(({ stage }) => stage))].join(', ');
  throw new BadInput(`--over: expected a stage that trains, one of ${ids || 'none'}, got ${over}`);
}
