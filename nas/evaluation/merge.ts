import { BadInput } from '../../plan/endings.ts';
import path from 'node:path';
import { z } from 'zod';
import { predictRanking } from './predictor/predicted-ranking.ts';
import {
  Accuracies,
  jsonText,
  parseTable,
  rankedTableText,
  rankingNames,
  RankingSet,
  readResult,
  tableText,
} from './ranking-files.ts';
import type { PredictedRow, TableRow } from './ranking-files.ts';
import type { StageFiles } from '../../artifacts/stage-files.ts';
import type { Ranking, RankingPart } from '../../plan/results.ts';

const hex = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
const ranked = {
  top1: z.string().min(1),
  top5: z.string().min(1),
  sha256: z.strictObject({ top1: hex, top5: hex }),
  subnets: z.int().nonnegative(),
};

/** What `${{ stages.<evaluation>.part }}` gives. */
export const RankingPartReference: z.ZodType<RankingPart> = z.strictObject({
  ...ranked,
  set: z.strictObject({ sha256: hex, part: z.int().positive(), parts: z.int().positive() }),
});

/** What `${{ stages.<merge>.ranking }}` gives. */
export const RankingReference: z.ZodType<Ranking> = z.strictObject(ranked);

/** `with` of `merge-results`. */
export const MergeResultsConfig = z.strictObject({
  /**
   * Every part of one set, usually `${{ stages.<evaluation>.part }}`; missing, doubled or foreign subnets are refused. Null
   * stands for a part that was skipped, which is missing then.
   */
  parts: z.array(RankingPartReference.nullable()).min(1),
  /** Whether a predictor's scores, free of the noise of single ones, stand beside those that were measured. */
  smooth: z.boolean(),
});
type MergeResultsConfig = z.infer<typeof MergeResultsConfig>;

/** `merge-results`: joins the parts of a ranking, all or nothing. */
export async function mergeResults(
  files: StageFiles,
  { parts, smooth }: MergeResultsConfig,
): Promise<{ ranking: Ranking }> {
  const given = parts.filter((part) => part !== null);
  const { top1, top5, table, beside, subnets } = await mergeFiles(files.root, given, smooth);
  const [sha1 = '', sha5 = ''] = await files.publish([top1, top5, table, ...beside]);
  return { ranking: { top1: top1.file, top5: top5.file, sha256: { top1: sha1, top5: sha5 }, subnets } };
}

/** Parts that do not make up their set; the message names every part and subnet that is wrong. */
class MergeError extends BadInput {}

/** What one part of a ranking holds. */
export interface PartScores {
  readonly part: number;
  readonly top1: Accuracies;
  readonly top5: Accuracies;
  readonly table: readonly TableRow[];
}

/** A ranking in the order of the list it was made of. */
export interface MergedScores {
  readonly top1: Accuracies;
  readonly top5: Accuracies;
  readonly table: readonly TableRow[];
}

/** What an evaluation says of the part it made; files are relative to the results root. */
export interface PartReference {
  readonly top1: string;
  readonly top5: string;
  readonly sha256: { readonly top1: string; readonly top5: string };
  readonly set: { readonly sha256: string; readonly part: number; readonly parts: number };
}

/**
 * Joins the parts of a ranking, all or nothing: every part once, in it every subnet that the set gives to it, once and
 * no other. Subnets that no part was to evaluate are left out. Pure. @throws MergeError that names what is missing, doubled or foreign
 */
export function mergeParts(set: RankingSet, parts: readonly PartScores[]): MergedScores {
  const problems = [...wrongParts(set, parts), ...parts.flatMap((part) => wrongSubnets(set, part))];
  if (problems.length > 0) throw new MergeError(problems.join('\n'));
  const rows = new Map(parts.flatMap(({ table }) => table.map((row) => [row.id, row])));
  const ids = Object.keys(set.subnets).filter((id) => set.subnets[id]!.part !== null);
  const joined = (of: 'top1' | 'top5'): Accuracies => {
    const all: Accuracies = Object.assign({}, ...parts.map((part) => part[of]));
    return Object.fromEntries(ids.map((id) => [id, all[id]!]));
  };
  return { top1: joined('top1'), top5: joined('top5'), table: ids.map((id) => rows.get(id)!) };
}

/**
 * Reads the parts that were evaluated, checks each file and joins them.
 * @param smooth whether predicted accuracies stand beside the measured ones
 * @throws MergeError or BadInput where the parts are not those of one set
 */
export async function mergeFiles(
  root: string,
  references: readonly PartReference[],
  smooth = false,
): Promise<MergedFiles> {
  const [first] = references;
  if (!first) throw new MergeError('merge: expected at least one part, got none');
  const strange = references.find(({ set }) => set.sha256 !== first.set.sha256);
  if (strange) {
    throw new MergeError(
      `merge: expected parts of one set, got part ${first.set.part} of ${first.set.sha256.slice(0, 12)} and part ` +
        `${strange.set.part} of ${strange.set.sha256.slice(0, 12)}; evaluate all parts of one list on one supernet`,
    );
  }
  const folder = path.posix.dirname(first.top1);
  const setText = await readResult(root, `${folder}/${rankingNames('final').set}`, first.set.sha256);
  const parts = await Promise.all(references.map((reference) => readPart(root, reference)));
  const set = RankingSet.parse(JSON.parse(setText));
  return await filesOfRanking(folder, set, mergeParts(set, parts), smooth);
}

async function readPart(root: string, { top1, top5, sha256, set: { part } }: PartReference): Promise<PartScores> {
  const table = `${path.posix.dirname(top1)}/${rankingNames(part).table}`;
  const accuracies = async (file: string, hash: string): Promise<Accuracies> =>
    Accuracies.parse(JSON.parse(await readResult(root, file, hash)));
  return {
    part,
    top1: await accuracies(top1, sha256.top1),
    top5: await accuracies(top5, sha256.top5),
    // Its bytes are vouched for by those of the other two: mergeParts compares the values.
    table: parseTable(await readResult(root, table), table),
  };
}

interface File {
  /** Relative to the results root. */
  readonly file: string;
  readonly text: string;
}

interface MergedFiles {
  readonly top1: File;
  readonly top5: File;
  readonly table: File;
  /** What a predictor adds. */
  readonly beside: readonly File[];
  /** How many are ranked. */
  readonly subnets: number;
}

/**
 * The files of a merged ranking. Where a budget left subnets out, the final files rank all by predicted accuracies. Where
 * it did not, they rank by the measured ones, and with `smooth` the predicted ones stand in files of their own.
 */
export async function filesOfRanking(
  folder: string,
  set: RankingSet,
  { top1, top5, table }: MergedScores,
  smooth: boolean,
): Promise<MergedFiles> {
  const names = rankingNames('final');
  const file = (name: string, text: string): File => ({ file: `${folder}/${name}`, text });
  const measured = { top1: file(names.top1, jsonText(top1)), top5: file(names.top5, jsonText(top5)) };
  const isWhole = table.length === Object.keys(set.subnets).length;
  if (isWhole && !smooth) {
    return { ...measured, table: file(names.table, tableText(table)), beside: [], subnets: table.length };
  }
  const { rows, record } = await predictRanking(set, table);
  const { top1: name1, top5: name5 } = isWhole ? rankingNames('final_smoothed') : names;
  const predicted = {
    top1: file(name1, jsonText(predictedAccuracies(rows, 'top1'))),
    top5: file(name5, jsonText(predictedAccuracies(rows, 'top5'))),
  };
  const account = file(names.predictor, `${JSON.stringify(record, null, 1)}\n`);
  return {
    ...(isWhole ? measured : predicted),
    table: file(names.table, rankedTableText(rows)),
    beside: isWhole ? [predicted.top1, predicted.top5, account] : [account],
    subnets: rows.length,
  };
}

function predictedAccuracies(rows: readonly PredictedRow[], of: 'top1' | 'top5'): Accuracies {
  return Object.fromEntries(rows.map(({ id, code, predicted }) => [id, { arch: code, acc: predicted[of] }]));
}

/** One line for every part that is missing, doubled or foreign. */
function wrongParts(set: RankingSet, parts: readonly PartScores[]): string[] {
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

/** One line for each way in which a part does not hold exactly the subnets that the set gives to it. */
function wrongSubnets(set: RankingSet, scores: PartScores): string[] {
  const { part, top1, top5, table } = scores;
  const own = Object.keys(set.subnets).filter((id) => set.subnets[id]!.part === part);
  const lists: Record<string, readonly Entry[]> = {
    top1: entriesOf(top1),
    top5: entriesOf(top5),
    table,
  };
  const problems = Object.entries(lists).flatMap(([list, entries]) => {
    const seen = new Set<string>();
    const wrong = { missing: [] as string[], doubled: [] as string[], foreign: [] as string[] };
    for (const { id, code } of entries) {
      if (seen.has(id)) wrong.doubled.push(id);
      seen.add(id);
      const given = set.subnets[id];
      if (given?.part !== part || given.arch !== code) wrong.foreign.push(id);
    }
    wrong.missing = own.filter((id) => !seen.has(id));
    return Object.entries(wrong).flatMap(([what, ids]) => (ids.length > 0 ? `${list}: ${what} ${named(ids)}` : []));
  });
  if (problems.length === 0) {
    const differing = table.filter((row) => top1[row.id]?.acc !== row.top1 || top5[row.id]?.acc !== row.top5);
    const ids = differing.map(({ id }) => id);
    if (ids.length > 0) problems.push(`table: other accuracies than the JSON files for ${named(ids)}`);
  }
  return problems.map((problem) => `part ${part}: ${problem}; evaluate the part anew`);
}

interface Entry {
  readonly id: string;
  readonly code: string;
}

function entriesOf(accuracies: Accuracies): Entry[] {
  return Object.entries(accuracies).map(([id, { arch }]) => ({ id, code: arch }));
}

const NAMED = 10;

function named(ids: readonly string[]): string {
  const rest = ids.length - NAMED;
  return ids.slice(0, NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
