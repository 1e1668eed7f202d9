import path from 'node:path';
import { z } from 'zod';
import { Racing } from './config.ts';
import type { EvaluateSubnetsConfig } from './config.ts';
import type { NamedSubnet } from './subnet-set.ts';
import { SpaceConfig } from '../../configs/space-schema.ts';
import { BadInput } from '../../plan/endings.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { depthOf } from '../space/space.ts';
import { FileReference, sha256 } from '../../artifacts/references.ts';
import type { Score } from './score.ts';

// What the files of a ranking are called and what stands in them. A table is the truth; the other files are made of it.

/** In the folder of a part. */
export const partFiles = { set: 'set.json', table: 'table.csv' } as const;

/** In the folder of a merged ranking. Accuracies have the original's names. */
export const rankingFiles = {
  table: 'table_final.csv',
  top1: 'top1_json_final.json',
  top5: 'top5_json_final.json',
  /** Predicted accuracies, where all subnets have measured ones too. */
  smoothedTop1: 'top1_json_final_smoothed.json',
  smoothedTop5: 'top5_json_final_smoothed.json',
  predictor: 'predictor.json',
  /** Accuracies that are to be expected of subnets trained alone. */
  fittedTop1: 'top1_json_final_fitted.json',
  fit: 'fit.json',
} as const;

const count = z.int().nonnegative();

const JsonResults = z.string().min(1).meta({
  description:
    "Where the original puts the ranking, relative to the run's folder: `7_from_6/json_results/epoch4_all_test`.",
});

/** `evaluate-subnets` → `part`: one part of a ranking, its table and the record of the set that it is a part of. */
export const RankingPart = z.strictObject(
  {
    ...FileReference.shape,
    subnets: count.meta({ description: 'How many were evaluated.', unit: 'subnets' }),
    set: FileReference.extend({
      part: z.int().positive().meta({ description: 'Which part of the set, counted from 1.', unit: 'part' }),
      parts: z.int().positive().meta({ description: 'How many there are.', unit: 'parts' }),
    }).meta({ description: 'The record of the set that it is a part of.' }),
    json_results: JsonResults,
  },
  { error: ofAnotherVersion },
);
export type RankingPart = z.infer<typeof RankingPart>;

/** `merge-results` → `ranking`: its table, and the accuracies in the original's form, `{"archN": {"arch": …, "acc": …}}`. */
export const Ranking = z.strictObject(
  {
    table: FileReference.meta({ description: 'Costs and accuracies of each subnet.' }),
    top1: FileReference.meta({ description: "Top-1 accuracies in the original's form." }),
    top5: FileReference.meta({ description: "Top-5 accuracies in the original's form." }),
    predictor: FileReference.nullable().meta({
      description: 'How sure predicted accuracies are; null where no predictor had a part in the ranking.',
    }),
    fitted: FileReference.optional().meta({
      description:
        "Accuracies that are to be expected of subnets trained alone, in the original's form, where they were fitted.",
    }),
    subnets: count.meta({ description: 'How many are ranked.', unit: 'subnets' }),
    json_results: JsonResults,
  },
  { error: ofAnotherVersion },
);
export type Ranking = z.infer<typeof Ranking>;

function ofAnotherVersion({ code }: { readonly code: string }): string | undefined {
  if (code !== 'unrecognized_keys') return undefined;
  return 'expected what this version evaluates, got a result of another version; cancel the run and start it again: what it trained is kept';
}

/** What the parts of one ranking have in common; only parts with the same are merged. It holds contents and no places, so that parts of several runs fit together. */
export const RankingSet = z.strictObject({
  version: z.literal(2),
  space: SpaceConfig,
  n_classes: z.int().positive(),
  supernet: z.strictObject({ sha256, epoch: count, groups: z.int().positive() }),
  test: z.strictObject({ part: z.string(), sha256 }),
  calibration: z.strictObject({ part: z.string(), sha256, batches: z.int(), batch_size: z.int() }),
  precision: z.enum(['float32', 'bf16']),
  parts: z.int().positive(),
  budget: z.int().positive().nullable(),
  racing: Racing.optional(),
  /** How many subnets there are, and which: the sha256 of `listText`. */
  subnets: z.strictObject({ count: z.int().positive(), sha256 }),
});
export type RankingSet = z.infer<typeof RankingSet>;

/** Names and arch codes by ascending number, one a line: what tells one list of subnets from another. */
export function listText(subnets: readonly Pick<NamedSubnet, 'id' | 'code'>[]): string {
  return byNumber(subnets)
    .map(({ id, code }) => `${id} ${code}\n`)
    .join('');
}

/** Subnets by the number in their names: arch2 before arch10. */
export function byNumber<Named extends { readonly id: string }>(subnets: readonly Named[]): Named[] {
  const numberOf = ({ id }: Named): number => Number(id.slice('arch'.length));
  return subnets.toSorted((a, b) => numberOf(a) - numberOf(b));
}

/**
 * Where the original puts a ranking, relative to the run: below the stage that trained the supernet, or below the name of
 * the file that the supernet was given by.
 */
export function originalFolder({
  supernet: { file: name, origin, epoch },
  test_set: testSet,
}: Pick<EvaluateSubnetsConfig, 'supernet' | 'test_set'>): string {
  const { dir, name: stem } = path.posix.parse(name);
  const stage = origin === 'project' ? [stem] : dir.split('/').slice(1);
  return [...stage, 'json_results', `epoch${epoch}${testSet === 1 ? '_all_test' : ''}`].join('/');
}

/** The names that the original gives to the accuracies of a merged ranking, relative to the run, each with the file it stands for. */
export function originalNames({ json_results: folder, top1, top5 }: Ranking): Record<string, string> {
  return { [`${folder}/${rankingFiles.top1}`]: top1.file, [`${folder}/${rankingFiles.top5}`]: top5.file };
}

/** A line of a table: a subnet, what it costs, and its scores, which are NaN where it was not evaluated. */
export interface TableRow {
  readonly id: string;
  readonly code: string;
  /** Number of blocks. */
  readonly depth: number;
  readonly parameters: number;
  /** Of one image at the native resolution. */
  readonly macs: number;
  /** Accuracies in percent. */
  readonly top1: number;
  readonly top5: number;
  /** In nats. */
  readonly crossEntropy: number;
  /** Of top-1: what the number of test images leaves open. */
  readonly standardError: number;
  /** How many images the accuracies rest on; null where they are all, for nothing was raced. */
  readonly images: number | null;
  /** Accuracies in percent; null where no predictor had a part in the ranking. */
  readonly predicted: { readonly top1: number; readonly top5: number } | null;
}

/** What a race found out of a subnet, beside its score. */
interface Raced {
  /** How many images the score rests on; what it would be on all is estimated where those are fewer. */
  readonly tested: number;
  /** Standard error of that estimate of top-1, as a share of the images. */
  readonly error: number;
}

/** The line of a subnet in a part's table; `score` is null where the budget left it out. */
export function rowOf(
  { space, n_classes: classes }: Pick<EvaluateSubnetsConfig, 'space' | 'n_classes'>,
  { id, code, subnet }: NamedSubnet,
  score: (Score & Partial<Raced>) | null,
): TableRow {
  const { top1, top5, images, crossEntropy } = score ?? { top1: NaN, top5: NaN, images: 1, crossEntropy: NaN };
  const share = top1 / images;
  const error = score?.error ?? 0;
  return {
    id,
    code,
    depth: depthOf(subnet),
    parameters: parameterCount(space, subnet, classes),
    macs: macs(space, subnet, space.resolutions.at(-1)!, classes),
    top1: (100 * top1) / images,
    top5: (100 * top5) / images,
    crossEntropy,
    standardError: 100 * Math.sqrt((share * (1 - share)) / images + error ** 2),
    images: score?.tested ?? null,
    predicted: null,
  };
}

export function isEvaluated({ top1 }: TableRow): boolean {
  return !Number.isNaN(top1);
}

const COLUMNS = 'id,code,depth,parameters,macs,top1,top5,cross_entropy,standard_error';
/** Columns behind the name and the code. */
const MEASURES = 7;
const RACED_COLUMN = ',images';
const PREDICTED_COLUMNS = ',evaluated,predicted_top1,predicted_top5';

/** A table as CSV; with the columns of a race and of a predictor where they had a part in the rows. */
export function tableText(rows: readonly TableRow[]): string {
  const hasImages = rows.some(({ images }) => images !== null);
  const hasPredictions = rows.some(({ predicted }) => predicted !== null);
  const lines = rows.map((row) => {
    const { id, code, depth, parameters, macs: cost, top1, top5, crossEntropy, standardError, images, predicted } = row;
    const own = [id, code, depth, parameters, cost, top1, top5, crossEntropy, standardError];
    return [
      ...own,
      ...(hasImages ? [images ?? 0] : []),
      ...(predicted === null ? [] : [isEvaluated(row), predicted.top1, predicted.top5]),
    ].join();
  });
  const header = COLUMNS + (hasImages ? RACED_COLUMN : '') + (hasPredictions ? PREDICTED_COLUMNS : '');
  return [header, ...lines, ''].join('\n');
}

/** Reads a table, raced or not, with or without predictions. @throws BadInput at the first line that is none of one */
export function parseTable(text: string, where: string): TableRow[] {
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const hasPredictions = header.endsWith(PREDICTED_COLUMNS);
  const measured = hasPredictions ? header.slice(0, -PREDICTED_COLUMNS.length) : header;
  const hasImages = measured === COLUMNS + RACED_COLUMN;
  if (measured !== COLUMNS && !hasImages) {
    throw new BadInput(`${where}:1: expected ${COLUMNS}, got ${header}; evaluate the subnets again`);
  }
  const columns = header.split(',').length;
  return lines.map((line, index) => {
    const cells = line.split(',');
    const [id = '', code = '', ...rest] = cells;
    const measures = rest.slice(0, MEASURES + Number(hasImages));
    const [depth, parameters, cost, top1, top5, crossEntropy, standardError, images] = measures.map(Number);
    const predicted = rest.slice(measures.length + 1).map(Number);
    if (cells.length !== columns || !measures.every(isNumber) || predicted.some(Number.isNaN)) {
      throw new BadInput(`${where}:${index + 2}: expected ${columns} values, got ${line}; evaluate the subnets again`);
    }
    return {
      id,
      code,
      depth: depth!,
      parameters: parameters!,
      macs: cost!,
      top1: top1!,
      top5: top5!,
      crossEntropy: crossEntropy!,
      standardError: standardError!,
      images: images ?? null,
      predicted: hasPredictions ? { top1: predicted[0]!, top5: predicted[1]! } : null,
    };
  });
}

// A net without a single finite logit has NaN as its cross-entropy.
function isNumber(value: string): boolean {
  return value === 'NaN' || (value !== '' && !Number.isNaN(Number(value)));
}

/** Accuracies in the original's form, in percent, by the subnet's name. */
export const Accuracies = z.record(z.string(), z.strictObject({ arch: z.string(), acc: z.number() }));

/** A score of each subnet as the original writes it: `{"archN": {"arch": …, "acc": …}}`, four spaces a level. */
export function accuraciesText(rows: readonly TableRow[], scoreOf: (row: TableRow) => number): string {
  const accuracies = Object.fromEntries(rows.map((row) => [row.id, { arch: row.code, acc: scoreOf(row) }]));
  return `${JSON.stringify(accuracies, null, 4)}\n`;
}
