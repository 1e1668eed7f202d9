// The table of a ranking that a predictor had a part in: the columns of the plain one, then three of its own.
import { parseTable, tableText } from './ranking-files.ts';
import type { TableRow } from './ranking-files.ts';

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

/** Reads the table of a ranking, with or without predictions. @throws RangeError at the first line that is none of it */
export function parseRankedTable(text: string, where: string): RankedRow[] {
  const lines = text.trimEnd().split('\n');
  if (!lines[0]?.endsWith(`,${EVALUATED}`)) return parseTable(text, where).map((row) => ({ ...row, predicted: null }));
  const split = lines.map((line) => line.split(','));
  const plain = parseTable(split.map((cells) => cells.slice(0, -3).join()).join('\n'), where);
  return plain.map((row, index) => {
    const [top1 = NaN, top5 = NaN] = split[index + 1]!.slice(-2).map(Number);
    if (Number.isNaN(top1) || Number.isNaN(top5)) {
      throw new RangeError(
        `${where}:${index + 2}: expected two predictions, got ${lines[index + 1]}; merge the parts anew`,
      );
    }
    return { ...row, predicted: { top1, top5 } };
  });
}
