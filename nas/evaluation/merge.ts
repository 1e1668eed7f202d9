import path from 'node:path';
import { filesOfRanking } from './merged-files.ts';
import type { MergedFiles } from './merged-files.ts';
import { Accuracies, parseTable, RankingSet, rankingNames, readResult } from './ranking-files.ts';
import type { TableRow } from './ranking-files.ts';
import { wrongParts, wrongSubnets } from './wrong-parts.ts';

/** Parts that do not make up their set; the message names every part and subnet that is wrong. */
export class MergeError extends Error {
  override readonly name = 'MergeError';
}

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
 * @throws MergeError or RangeError where the parts are not those of one set
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
