// The files of a ranking: what they are called and what stands in them. No TensorFlow, so activities read them too.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { placeOf } from '../../artifacts/paths.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';

/** Accuracies in the original's form, in percent, by the subnet's name. */
export const Accuracies = z.record(z.string(), z.strictObject({ arch: z.string(), acc: z.number() }));
export type Accuracies = z.infer<typeof Accuracies>;

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What the parts of one ranking have in common. Parts of different sets must not be merged: its hash is in each of them. */
export const RankingSet = z.strictObject({
  version: z.literal(1),
  space: SpaceConfig,
  n_classes: z.int().positive(),
  supernet: hash,
  test: z.strictObject({ part: z.string(), sha256: hash }),
  calibration: z.strictObject({ part: z.string(), sha256: hash, batches: z.int(), batch_size: z.int() }),
  precision: z.enum(['float32', 'bf16']),
  parts: z.int().positive(),
  /** Every subnet, in the order of the list, with the part it was given to; null where the budget left it out. */
  subnets: z.record(z.string(), z.strictObject({ arch: z.string(), part: z.int().positive().nullable() })),
});
export type RankingSet = z.infer<typeof RankingSet>;

/** One line of the table beside the ranking; percents, and nats for the cross-entropy. */
export interface TableRow {
  readonly id: string;
  readonly code: string;
  readonly depth: number;
  readonly parameters: number;
  readonly macs: number;
  readonly top1: number;
  readonly top5: number;
  readonly crossEntropy: number;
  /** Of top-1: what the number of test images leaves open. */
  readonly standardError: number;
}

/** Part N of a ranking, what all parts were merged into, or that with the noise of single scores smoothed away. */
export type Piece = number | 'final' | 'final_smoothed';

/**
 * The folder of a ranking, relative to the results root, in the run that evaluates it: below the stage that trained the
 * supernet, or below the name of the file that the supernet was given by.
 * @param directory of the evaluating stage, whose first segment is the run
 */
export function rankingFolder(
  directory: string,
  { file, origin, epoch }: { file: string; origin?: 'project' | undefined; epoch: number },
  testSet: 0 | 1,
): string {
  const [run] = directory.split('/');
  const { dir, name } = path.posix.parse(file);
  const stage = origin === 'project' ? [name] : dir.split('/').slice(1);
  return [run, ...stage, 'json_results', `epoch${epoch}${testSet === 1 ? '_all_test' : ''}`].join('/');
}

/** Names of a piece's files, the original's and ours, in the folder of the ranking. */
export function rankingNames(piece: Piece): Record<'top1' | 'top5' | 'table' | 'set' | 'predictor', string> {
  const suffix = typeof piece === 'number' ? String(piece) : `_${piece}`;
  return {
    top1: `top1_json${suffix}.json`,
    top5: `top5_json${suffix}.json`,
    table: `table${suffix}.csv`,
    set: 'set.json',
    predictor: 'predictor.json',
  };
}

/** As the original writes it: four spaces a level. */
export function jsonText(value: Accuracies | RankingSet): string {
  return `${JSON.stringify(value, null, 4)}\n`;
}

const HEADER = 'id,code,depth,parameters,macs,top1,top5,cross_entropy,standard_error';

export function tableText(rows: readonly TableRow[]): string {
  const lines = rows.map((row) =>
    [
      row.id,
      row.code,
      row.depth,
      row.parameters,
      row.macs,
      row.top1,
      row.top5,
      row.crossEntropy,
      row.standardError,
    ].join(),
  );
  return [HEADER, ...lines, ''].join('\n');
}

/** @throws RangeError at the first line that is none of a table */
export function parseTable(text: string, where: string): TableRow[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  if (header !== HEADER) throw new RangeError(`${where}:1: expected ${HEADER}, got ${header}; evaluate the part anew`);
  return lines.map((line, index) => {
    const [id = '', code = '', ...numbers] = line.split(',');
    const [depth, parameters, macs, top1, top5, crossEntropy, standardError] = numbers.map(Number);
    if (numbers.length !== 7 || numbers.some((value) => !isNumber(value))) {
      throw new RangeError(`${where}:${index + 2}: expected nine values, got ${line}; evaluate the part anew`);
    }
    return {
      id,
      code,
      depth: depth!,
      parameters: parameters!,
      macs: macs!,
      top1: top1!,
      top5: top5!,
      crossEntropy: crossEntropy!,
      standardError: standardError!,
    };
  });
}

// A net without a single finite logit has NaN as its cross-entropy.
function isNumber(value: string): boolean {
  return value === 'NaN' || (value !== '' && !Number.isNaN(Number(value)));
}

export function sha256Of(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The text of a result file that must have the given sha256, if one is given. @throws RangeError for other bytes */
export async function readResult(root: string, file: string, sha256?: string): Promise<string> {
  const text = await readFile(placeOf(root, file), 'utf8');
  if (sha256 !== undefined && sha256Of(text) !== sha256) {
    throw new RangeError(`${file}: expected sha256 ${sha256}, got ${sha256Of(text)}; evaluate the part anew`);
  }
  return text;
}
