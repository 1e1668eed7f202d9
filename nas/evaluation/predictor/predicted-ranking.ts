import { setImmediate as turn } from 'node:timers/promises';
import { baselines, bootstrapInterval, kendallTau, pearson } from '../agreement.ts';
import type { Interval } from '../agreement.ts';
import { fitPredictor, predictAll } from './predictor.ts';
import type { Predictor } from './predictor.ts';
import { resamples } from './ridge.ts';
import type { LeaveOut } from './ridge.ts';
import type { PredictedRow, RankingSet, TableRow } from '../ranking-files.ts';
import { parseArchCode } from '../../space/arch-code.ts';
import { subnetOf } from '../../space/space.ts';
import type { Subnet } from '../../space/space.ts';
import { rowOf } from '../part-files.ts';

/** `predictor.json`: what the predicted scores stand on, and how sure they are. */
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
 * Predicts top-1 and top-5 of every subnet of a set, in its order, from those that were evaluated: of them too, for in a
 * list of both kinds noise would stand against none.
 * @param measured rows of the evaluated subnets
 * @throws BadInput for fewer than 20 of them
 */
export async function predictRanking(
  set: RankingSet,
  measured: readonly TableRow[],
): Promise<{ rows: PredictedRow[]; record: PredictorRecord }> {
  const rows = new Map(measured.map((row) => [row.id, row]));
  const listed = Object.entries(set.subnets).map(([id, { arch: code }]) => {
    const subnet = subnetOf(set.space, parseArchCode(set.space, code));
    return { subnet, row: rows.get(id) ?? rowOf(set, { id, code, subnet }, UNKNOWN) };
  });
  const evaluated = listed.filter(({ row }) => rows.has(row.id));
  const fit = async (of: 'top1' | 'top5'): Promise<Predictor> => {
    await turn(); // Seconds of work for a long list: whoever else lives in this process gets a turn in between.
    const observations = evaluated.map(({ subnet, row }) => ({ subnet, score: row[of] }));
    return fitPredictor(set.space, observations, { seed: SEED });
  };
  const [first, five] = [await fit('top1'), await fit('top5')];
  const subnets = listed.map(({ subnet }) => subnet);
  const [top1, top5] = [predictAll(first, subnets), predictAll(five, subnets)];
  return {
    rows: listed.map(({ row }, at) => ({ ...row, predicted: { top1: top1[at]!, top5: top5[at]! } })),
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

const UNKNOWN = { top1: NaN, top5: NaN, images: 1, crossEntropy: NaN };

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
    await turn();
    found[name] = {
      tau: bootstrapInterval(kendallTau, measured, scores, options),
      pearson: bootstrapInterval(pearson, measured, scores, options),
    };
  }
  return found;
}
