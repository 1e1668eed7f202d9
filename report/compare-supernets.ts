import { chosenIn, GroundTruths, sameSubnets } from './chosen.ts';
import type { ChosenSupernet } from './chosen.ts';
import { baselineFigures, differenceOf, supernetFigures } from './figures.ts';
import type { BaselineFigures, Difference, RankFigures, Scored, SupernetFigures } from './figures.ts';
import type { Interval } from '../nas/evaluation/agreement.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';

/** The chosen supernets of several runs, stage by stage, beside what ranks their subnets without training. */
export interface ComparedSupernets {
  readonly supernets: readonly ComparedSupernet[];
  /** Of each ground truth that they were measured by; none unless figures are wanted. */
  readonly baselines: readonly { readonly file: string; readonly figures: readonly BaselineFigures[] }[];
}

export interface ComparedSupernet {
  readonly stage: string;
  /** By run; null where it has none with a chosen epoch. */
  readonly chosen: readonly (Chosen | null)[];
  /** Each run's tau less that of the first, on the same resamples of the ground truth; null where both have not the same subnets. */
  readonly overFirst: readonly (Difference | null)[];
}

interface Chosen {
  readonly epoch: number;
  readonly tau: number | null;
  readonly interval: readonly [number, number] | null;
  /** On the subnets that epochs may be chosen by; null where they do not fit the ground truth, or figures are not wanted. */
  readonly figures: SupernetFigures | null;
}

/** What a stage of one name is in each of the runs. */
interface SameStage {
  readonly stage: string;
  readonly of: readonly (CataloguedStage | undefined)[];
}

/**
 * @param withFigures whether every figure is wanted, not only differences of tau: a tenth of a second each
 * @throws BadInput where a ground truth is no longer what it was
 */
export async function compareSupernets(stages: readonly SameStage[], withFigures: boolean): Promise<ComparedSupernets> {
  const truths = new GroundTruths();
  const known = new Map<string, Untrained>();
  const chosenOf = async (one: ChosenSupernet): Promise<Chosen> => {
    const { epoch, tau, interval } = one;
    return { epoch, tau, interval, figures: withFigures ? await figuresOf(one, truths, known) : null };
  };
  const supernets: ComparedSupernet[] = [];
  for (const { stage, of } of stages) {
    const chosen = of.map(chosenIn);
    if (chosen.every((one) => one === null)) continue;
    const [first = null, ...others] = chosen;
    supernets.push({
      stage,
      chosen: await Promise.all(chosen.map(async (one) => one && (await chosenOf(one)))),
      overFirst: [
        null,
        ...(await Promise.all(
          others.map(async (one) => first && one && (await differenceOfChosen(first, one, truths))),
        )),
      ],
    });
  }
  const baselines = [...known.values()].map(({ file, scored }) => ({
    file,
    figures: scored.map(({ figures }) => figures),
  }));
  return { supernets, baselines };
}

/** What sizes make of a ground truth. */
interface Untrained {
  readonly file: string;
  readonly scored: readonly Scored[];
}

/** @param known by the hash of the ground truth, filled as it is asked for; null where the supernet does not fit its ground truth */
async function figuresOf(
  one: ChosenSupernet,
  truths: GroundTruths,
  known: Map<string, Untrained>,
): Promise<SupernetFigures | null> {
  const { ground_truth: source, space, n_classes: classes, seed } = one.trained;
  const same = await sameSubnets([one], truths);
  if (same === null) return null;
  const { file, sha256 } = source;
  const untrained = known.get(sha256) ?? { file, scored: baselineFigures(space, same, classes) };
  known.set(sha256, untrained);
  return supernetFigures(same.truth, same.scores[0]!, untrained.scored, seed);
}

async function differenceOfChosen(
  first: ChosenSupernet,
  other: ChosenSupernet,
  truths: GroundTruths,
): Promise<Difference | null> {
  const same = await sameSubnets([first, other], truths);
  return same && differenceOf(same.truth, same.scores[1]!, same.scores[0]!, first.trained.seed);
}

/** A figure of one supernet in all runs, for a table. */
export interface FigureRow {
  readonly name: string;
  /** By run; null where it has none. */
  readonly values: readonly (Interval | null)[];
  readonly isDifference: boolean;
}

type Values = FigureRow['values'];

const row = (name: string, values: Values): FigureRow => ({ name, values, isDifference: false });
const difference = (name: string, values: Values): FigureRow => ({ name, values, isDifference: true });

function besideTau(figures: readonly (RankFigures | null)[]): FigureRow[] {
  const keys = { Spearman: 'spearman', Pearson: 'pearson', regret: 'regret' } as const;
  return Object.entries(keys).map(([name, key]) =>
    row(
      name,
      figures.map((one) => one && one[key]),
    ),
  );
}

/** Everything about a supernet but its tau and epoch; figures that no run has are left out. @param first what the first run is called */
export function figureRows({ chosen, overFirst }: ComparedSupernet, first: string): FigureRow[] {
  const figures = chosen.map((one) => one?.figures ?? null);
  const insides = figures.map((one) => one?.inside ?? null);
  const overBaseline = (of: readonly ({ readonly overBaseline: Interval } | null)[]): FigureRow =>
    difference(
      'over the best baseline',
      of.map((one) => one && one.overBaseline),
    );
  const rows = [
    difference(`over ${first}`, overFirst),
    overBaseline(figures),
    ...besideTau(figures),
    row(
      'tau inside bands',
      insides.map((one) => one && one.tau),
    ),
    difference(
      `over ${first}`,
      overFirst.map((one) => one && one.inside),
    ),
    overBaseline(insides),
    ...besideTau(insides),
  ];
  return rows.filter(({ values }) => values.some((value) => value !== null));
}
