// What is read again of `predictor.json`, the account beside a ranking that a predictor had a part in.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { isErrno } from '../../artifacts/errno.ts';
import { placeOf } from '../../artifacts/paths.ts';
import type { Interval } from './bootstrap.ts';
import { rankingNames } from './ranking-files.ts';

// JSON has no NaN: a figure that is not defined is null there.
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);
const Interval: z.ZodType<Interval> = z.object({
  estimate: figure,
  low: figure,
  high: figure,
  standardError: figure,
  level: figure,
});

const PredictorFile = z.object({
  subnets: z.object({ evaluated: z.int(), predicted: z.int() }),
  top1: z.object({ leaveOut: z.object({ folds: z.int(), tau: Interval, rmse: Interval }) }),
  baselines: z.record(z.string(), z.object({ tau: Interval })),
});

/** How sure predicted top-1 accuracies are. */
export type PredictorFigures = z.infer<typeof PredictorFile>;

/**
 * The account in the folder of a ranking, relative to the results root; null where there is none.
 * @throws RangeError for a file that is none
 */
export async function readPredictor(root: string, folder: string): Promise<PredictorFigures | null> {
  const file = `${folder}/${rankingNames('final').predictor}`;
  try {
    return PredictorFile.parse(JSON.parse(await readFile(placeOf(root, file), 'utf8')));
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return null;
    const got = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw new RangeError(`${file}: expected a predictor's account, got ${got}; merge the parts anew`, { cause });
  }
}
