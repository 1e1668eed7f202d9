import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { fitPredictor, predictAll } from './predictor.ts';
import type { Predictor } from './predictor.ts';
import { resamples } from './ridge.ts';
import type { LeaveOut } from './ridge.ts';
import { BadInput } from '../../../plan/endings.ts';
import { parseArchCode } from '../../space/arch-code.ts';
import { subnetOf } from '../../space/space.ts';
import type { Subnet } from '../../space/space.ts';
import { bootstrapInterval } from '../agreement.ts';
import { baselines } from '../baselines.ts';
import type { Interval } from '../agreement.ts';
import { kendallTau, pearson } from '../correlation.ts';
import { isEvaluated } from '../ranking.ts';
import type { RankingSet, TableRow } from '../ranking.ts';

// A ranking whose scores are predicted, and `predictor.json`, which says what they stand on and how sure they are.

interface PredictorRecord {
  readonly version: 1;
  /** Those whose scores it was fitted on, and those that have none but the predicted one. */
  readonly subnets: { readonly evaluated: number; readonly predicted: number };
  readonly features: number;
  readonly seed: number;
  readonly top1: PredictedScore;
  readonly top5: PredictedScore;
  /** How well sizes alone agree with the measured top-1: what the predictor has to beat. */
  readonly baselines: Readonly<Record<string, Agreement>>;
}

interface PredictedScore {
  readonly lambda: number;
  readonly leaveOut: LeaveOut;
}

interface Agreement {
  readonly tau: Interval;
  readonly pearson: Interval;
}

const SEED = 0;

/**
 * Predicts top-1 and top-5 of every subnet, in their order, from those that were evaluated: of them too, since a list of
 * measured and predicted scores would compare what is noisy with what is not.
 * @throws BadInput for fewer than 20 evaluated ones
 */
export async function predictRanking(
  set: RankingSet,
  rows: readonly TableRow[],
): Promise<{ predictions: { top1: number; top5: number }[]; record: PredictorRecord }> {
  const listed = rows.map((row) => ({ row, subnet: subnetOf(set.space, parseArchCode(set.space, row.code)) }));
  const evaluated = listed.filter(({ row }) => isEvaluated(row));
  const fit = async (of: 'top1' | 'top5'): Promise<Predictor> => {
    await nextTurn(); // A long list takes seconds: other work of this process gets a turn in between.
    const observations = evaluated.map(({ subnet, row }) => ({ subnet, score: row[of] }));
    return fitPredictor(set.space, observations, { seed: SEED });
  };
  const [first, five] = [await fit('top1'), await fit('top5')];
  const subnets = listed.map(({ subnet }) => subnet);
  const [top1, top5] = [predictAll(first, subnets), predictAll(five, subnets)];
  return {
    predictions: rows.map((_, at) => ({ top1: top1[at]!, top5: top5[at]! })),
    record: {
      version: 1,
      subnets: { evaluated: evaluated.length, predicted: listed.length - evaluated.length },
      features: first.features,
      seed: SEED,
      top1: { lambda: first.lambda, leaveOut: first.leaveOut },
      top5: { lambda: five.lambda, leaveOut: five.leaveOut },
      baselines: await agreements(set, evaluated),
    },
  };
}

async function agreements(
  { space, n_classes: classes }: RankingSet,
  evaluated: readonly { readonly subnet: Subnet; readonly row: TableRow }[],
): Promise<Record<string, Agreement>> {
  const subnets = evaluated.map(({ subnet }) => subnet);
  const measured = evaluated.map(({ row }) => row.top1);
  const options = { seed: SEED, samples: resamples(measured.length) };
  const found: Record<string, Agreement> = {};
  const untrained = baselines(space, subnets, { classes, resolution: space.resolutions.at(-1)! });
  for (const [name, scores] of Object.entries(untrained)) {
    await nextTurn();
    found[name] = {
      tau: bootstrapInterval(kendallTau, measured, scores, options),
      pearson: bootstrapInterval(pearson, measured, scores, options),
    };
  }
  return found;
}

// JSON has no NaN: a figure that is not defined is null there.
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
export const IntervalRecord: z.ZodType<Interval> = z.object({
  estimate: figure,
  low: figure,
  high: figure,
  standardError: figure,
  level: figure,
});

/** What is read again of `predictor.json`: how sure predicted top-1 accuracies are. */
const PredictorFigures = z.object({
  subnets: z.object({ evaluated: z.int(), predicted: z.int() }),
  top1: z.object({ leaveOut: z.object({ folds: z.int(), tau: IntervalRecord, rmse: IntervalRecord }) }),
  baselines: z.record(z.string(), z.object({ tau: IntervalRecord })),
});
type PredictorFigures = z.infer<typeof PredictorFigures>;

/** Reads the text of a `predictor.json`. @throws BadInput for one that is none */
export function parsePredictor(text: string, where: string): PredictorFigures {
  try {
    return PredictorFigures.parse(JSON.parse(text));
  } catch (cause) {
    const got = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new BadInput(`${where}: expected a predictor's account, got ${got}; merge the parts again`, { cause });
  }
}
