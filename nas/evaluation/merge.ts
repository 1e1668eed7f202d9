import { z } from 'zod';
import { Fit, fitRanking } from './fitted-ranking.ts';
import { predictRanking } from './predictor/predicted-ranking.ts';
import {
  accuraciesText,
  byNumber,
  isEvaluated,
  listText,
  parseTable,
  rankingFiles,
  RankingPart,
  RankingSet,
  tableText,
} from './ranking.ts';
import type { Ranking, TableRow } from './ranking.ts';
import { sha256Of } from '../../artifacts/files.ts';
import { readResult } from '../../artifacts/results.ts';
import type { StageFiles } from '../../artifacts/store.ts';
import { BadInput } from '../../plan/endings.ts';

/** `with` of `merge-results`. */
export const MergeResultsConfig = z.strictObject({
  parts: z.array(RankingPart.nullable()).min(1).meta({
    description:
      'Every part of one set, usually `${{ stages.<evaluation>.part }}`. Missing, doubled and foreign subnets are refused; null, for a part that was skipped, is missing.',
  }),
  smooth: z.boolean().meta({
    description:
      "Whether a predictor's accuracies, free of the noise of single ones, stand beside those that were measured.",
  }),
  fit: Fit.optional().meta({
    description:
      'Beside the measured accuracies, those to be expected of subnets trained alone: a linear fit, on a ground truth, of what a supernet makes of it and of sizes.',
  }),
});
export type MergeResultsConfig = z.infer<typeof MergeResultsConfig>;

/**
 * `merge-results`: joins the parts of a ranking into one, all or nothing.
 * @throws BadInput that names every part and subnet that is missing, doubled or foreign
 */
export async function mergeResults(
  stage: StageFiles,
  { parts, smooth, fit }: MergeResultsConfig,
): Promise<{ ranking: Ranking }> {
  const there = parts.filter((part) => part !== null);
  const set = await readSet(stage.root, there);
  const tables = await Promise.all(
    there.map(async (reference): Promise<PartTable> => {
      const {
        file,
        set: { part },
      } = reference;
      return { part, rows: parseTable(await readResult(stage.root, reference), file) };
    }),
  );
  const rows = mergeParts(set, tables);
  const files = await stage.put({
    ...(await rankingTexts(set, rows, smooth)),
    ...(fit && (await fittedTexts(stage.root, fit, set, rows))),
  });
  const fitted = files[rankingFiles.fittedTop1];
  return {
    ranking: {
      table: files[rankingFiles.table]!,
      top1: files[rankingFiles.top1]!,
      top5: files[rankingFiles.top5]!,
      predictor: files[rankingFiles.predictor] ?? null,
      ...(fitted && { fitted }),
      subnets: rows.length,
      json_results: there[0]!.json_results,
    },
  };
}

/** What the parts have in common. @throws BadInput where there are none, or where it is not the same for all */
async function readSet(root: string, parts: readonly RankingPart[]): Promise<RankingSet> {
  const [first] = parts;
  if (!first) throw new BadInput('merge: expected at least one part, got none; evaluate them');
  const strange = parts.find(({ set }) => set.sha256 !== first.set.sha256);
  if (strange) {
    const [ours, other] = [first, strange].map(({ set }) => `part ${set.part} of ${set.sha256.slice(0, 12)}`);
    throw new BadInput(
      `merge: expected parts of one set, got ${ours} and ${other}; evaluate all parts of one list on one supernet`,
    );
  }
  return RankingSet.parse(JSON.parse(await readResult(root, first.set)));
}

/** A part of a ranking, and the rows of its table. */
export interface PartTable {
  readonly part: number;
  readonly rows: readonly TableRow[];
}

/**
 * The rows of all parts, by the number of their subnets: every part once, and every subnet of the set once and no other.
 * Pure. @throws BadInput that names what is missing, doubled or foreign
 */
export function mergeParts(set: RankingSet, parts: readonly PartTable[]): TableRow[] {
  const wrong = wrongParts(set, parts);
  if (wrong.length > 0) throw new BadInput(wrong.join('\n'));
  const rows = parts.flatMap((part) => part.rows);
  const doubled = idsThatRepeat(rows);
  if (doubled.length > 0)
    throw new BadInput(`merge: expected each subnet once, got ${named(doubled)} again; evaluate the parts again`);
  const evaluated = rows.filter(isEvaluated).length;
  const expected = set.budget === null ? set.subnets.count : Math.min(set.budget, set.subnets.count);
  if (rows.length !== set.subnets.count || evaluated !== expected) {
    throw new BadInput(
      `merge: expected ${set.subnets.count} subnets, ${expected} of them evaluated, got ${rows.length} and ${evaluated}; evaluate the parts again`,
    );
  }
  const merged = byNumber(rows);
  if (sha256Of(listText(merged)) === set.subnets.sha256) return merged;
  throw new BadInput('merge: expected the subnets of the set, got others; evaluate the parts again');
}

/** One line for every part that is missing, doubled or foreign. */
function wrongParts(set: RankingSet, parts: readonly PartTable[]): string[] {
  const numbers = parts.map(({ part }) => part);
  const expected = Array.from({ length: set.parts }, (_, index) => index + 1);
  const times = (part: number): number => numbers.filter((number) => number === part).length;
  return [
    ...expected.filter((part) => times(part) === 0).map((part) => `part ${part}: missing; evaluate it`),
    ...expected
      .filter((part) => times(part) > 1)
      .map((part) => `part ${part}: given ${times(part)} times; give it once`),
    ...numbers
      .filter((part) => !expected.includes(part))
      .map((part) => `part ${part}: foreign, the set has ${set.parts} parts; leave it out`),
  ];
}

function idsThatRepeat(rows: readonly TableRow[]): string[] {
  const seen = new Set<string>();
  return rows.flatMap(({ id }) => {
    if (seen.has(id)) return [id];
    seen.add(id);
    return [];
  });
}

const NAMED = 10;

function named(ids: readonly string[]): string {
  const rest = ids.length - NAMED;
  return ids.slice(0, NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/**
 * The files of a merged ranking by their names. Where a budget left subnets out, the final files rank all by predicted
 * accuracies. Where it did not, they rank by the measured ones, and with `smooth` the predicted ones stand in files of their own.
 */
export async function rankingTexts(
  set: RankingSet,
  rows: readonly TableRow[],
  smooth: boolean,
): Promise<Readonly<Record<string, string>>> {
  const isWhole = rows.every(isEvaluated);
  if (isWhole && !smooth) return { [rankingFiles.table]: tableText(rows), ...measuredTexts(rows) };
  const { predictions, record } = await predictRanking(set, rows);
  const ranked = rows.map((row, at) => ({ ...row, predicted: predictions[at]! }));
  const [top1, top5] = (['top1', 'top5'] as const).map((score) =>
    accuraciesText(ranked, (row) => row.predicted![score]),
  );
  return {
    [rankingFiles.table]: tableText(ranked),
    [rankingFiles.predictor]: `${JSON.stringify(record, null, 1)}\n`,
    ...(isWhole
      ? { ...measuredTexts(rows), [rankingFiles.smoothedTop1]: top1!, [rankingFiles.smoothedTop5]: top5! }
      : { [rankingFiles.top1]: top1!, [rankingFiles.top5]: top5! }),
  };
}

async function fittedTexts(
  root: string,
  fit: Fit,
  set: RankingSet,
  rows: readonly TableRow[],
): Promise<Record<string, string>> {
  const { accuracies, record } = await fitRanking(root, fit, set, rows);
  const byId = new Map(rows.map(({ id }, at) => [id, accuracies[at]!]));
  return {
    [rankingFiles.fittedTop1]: accuraciesText(rows, ({ id }) => byId.get(id)!),
    [rankingFiles.fit]: `${JSON.stringify(record, null, 1)}\n`,
  };
}

function measuredTexts(rows: readonly TableRow[]): Record<string, string> {
  return {
    [rankingFiles.top1]: accuraciesText(rows, ({ top1 }) => top1),
    [rankingFiles.top5]: accuraciesText(rows, ({ top5 }) => top5),
  };
}
