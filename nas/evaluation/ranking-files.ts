import { BadInput } from '../../plan/endings.ts';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { placeOf } from '../../artifacts/paths.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';

// The files of a ranking: what they are called and what stands in them. No TensorFlow, so activities read them too.

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
type Piece = number | 'final' | 'final_smoothed';

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

/** @throws BadInput at the first line that is none of a table */
export function parseTable(text: string, where: string): TableRow[] {
  const [header, ...lines] = text.trimEnd().split('\n');
  if (header !== HEADER) throw new BadInput(`${where}:1: expected ${HEADER}, got ${header}; evaluate the part anew`);
  return lines.map((line, index) => {
    const [id = '', code = '', ...numbers] = line.split(',');
    const [depth, parameters, macs, top1, top5, crossEntropy, standardError] = numbers.map(Number);
    if (numbers.length !== 7 || numbers.some((value) => !isNumber(value))) {
      throw new BadInput(`${where}:${index + 2}: expected nine values, got ${line}; evaluate the part anew`);
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

/** The text of a result file that must have the given sha256, if one is given. @throws BadInput for other bytes */
export async function readResult(root: string, file: string, sha256?: string): Promise<string> {
  const text = await readFile(placeOf(root, file), 'utf8');
  if (sha256 !== undefined && sha256Of(text) !== sha256) {
    throw new BadInput(`${file}: expected sha256 ${sha256}, got ${sha256Of(text)}; evaluate the part anew`);
  }
  return text;
}

// The table of a ranking that a predictor had a part in: the columns of the plain one, then three of its own.

/** A subnet with its predicted accuracies in percent; `top1` … `standardError` are NaN where it was not evaluated. */
export interface PredictedRow extends TableRow {
  readonly predicted: { readonly top1: number; readonly top5: number };
}

/** `predicted` is null where no predictor had a part in the ranking. */
export type RankedRow = PredictedRow | (TableRow & { readonly predicted: null });

const EVALUATED = 'evaluated,predicted_top1,predicted_top5';

export function isEvaluated({ top1 }: TableRow): boolean {
  return !Number.isNaN(top1);
}

export function rankedTableText(rows: readonly PredictedRow[]): string {
  const more = [EVALUATED, ...rows.map((row) => [isEvaluated(row), row.predicted.top1, row.predicted.top5].join())];
  return tableText(rows)
    .split('\n')
    .map((line, index) => (line === '' ? line : `${line},${more[index]}`))
    .join('\n');
}

/** Reads the table of a ranking, with or without predictions. @throws BadInput at the first line that is none of it */
export function parseRankedTable(text: string, where: string): RankedRow[] {
  const lines = text.trimEnd().split('\n');
  if (!lines[0]?.endsWith(`,${EVALUATED}`)) return parseTable(text, where).map((row) => ({ ...row, predicted: null }));
  const split = lines.map((line) => line.split(','));
  const plain = parseTable(split.map((cells) => cells.slice(0, -3).join()).join('\n'), where);
  return plain.map((row, index) => {
    const [top1 = NaN, top5 = NaN] = split[index + 1]!.slice(-2).map(Number);
    if (Number.isNaN(top1) || Number.isNaN(top5)) {
      throw new BadInput(
        `${where}:${index + 2}: expected two predictions, got ${lines[index + 1]}; merge the parts anew`,
      );
    }
    return { ...row, predicted: { top1, top5 } };
  });
}
