import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mergeParts } from '../../nas/evaluation/merge.ts';
import type { MergedScores, PartScores } from '../../nas/evaluation/merge.ts';
import { jsonText, rankingNames, sha256Of, tableText } from '../../nas/evaluation/ranking-files.ts';
import type { Accuracies, RankingSet } from '../../nas/evaluation/ranking-files.ts';
import { sampledSubnets, shareOut } from '../../nas/evaluation/subnet-set.ts';
import { parameterCount } from '../../nas/space/cost.ts';
import { depthOf } from '../../nas/space/space.ts';
import type { RankingPart } from '../../plan/results.ts';
import { committedSpace } from './spaces.ts';
import { rowOf } from '../../nas/evaluation/part-files.ts';

const space = committedSpace('fashion');
/** The subnets of the set. */
export const subnets = sampledSubnets(space, { count: 90, seed: 1, way: 'stratified' });
const supernet = { file: 'run/one-shot/0.5_1.safetensors', sha256: 'a'.repeat(64), epoch: 1, groups: 1 };
const IMAGES = 1000;

/** A set of three parts in which a budget pays for some, and what its evaluation finds. */
export function evaluated(budget: number | null): { set: RankingSet; parts: PartScores[]; merged: MergedScores } {
  const cut = shareOut(
    { space, supernet, cut: 'tree', parts: 3, budget },
    subnets.map(({ subnet }) => subnet),
  );
  const partOf = new Map(cut.flatMap((part, index) => part.map((at) => [subnets[at]!.id, index + 1])));
  const set: RankingSet = {
    version: 1,
    space,
    n_classes: 10,
    supernet: supernet.sha256,
    test: { part: 'test', sha256: 'b'.repeat(64) },
    calibration: { part: 'calibration', sha256: 'c'.repeat(64), batches: 2, batch_size: 100 },
    precision: 'float32',
    parts: 3,
    subnets: Object.fromEntries(subnets.map(({ id, code }) => [id, { arch: code, part: partOf.get(id) ?? null }])),
  };
  const parts = cut.map((positions, index) => {
    const table = positions.map((at) => {
      const { subnet } = subnets[at]!;
      const top1 = Math.round(300 + 60 * Math.log(parameterCount(space, subnet, 10)) - 5 * depthOf(subnet));
      return rowOf({ space, n_classes: 10 }, subnets[at]!, { top1, top5: top1 + 150, images: IMAGES, crossEntropy: 1 });
    });
    const accuracies = (of: 'top1' | 'top5'): Accuracies =>
      Object.fromEntries(table.map((row) => [row.id, { arch: row.code, acc: row[of] }]));
    return { part: index + 1, top1: accuracies('top1'), top5: accuracies('top5'), table };
  });
  return { set, parts, merged: mergeParts(set, parts) };
}

/** Puts the files of the parts below a results root, as evaluations do; what these give to a merge. */
export function partsOnDisk(
  root: string,
  folder: string,
  { set, parts }: Pick<ReturnType<typeof evaluated>, 'set' | 'parts'>,
): RankingPart[] {
  mkdirSync(path.join(root, folder), { recursive: true });
  const put = (name: string, text: string): string => {
    writeFileSync(path.join(root, folder, name), text);
    return sha256Of(text);
  };
  const hash = put('set.json', jsonText(set));
  return parts.map(({ part, top1, top5, table }) => {
    const names = rankingNames(part);
    put(names.table, tableText(table));
    return {
      top1: `${folder}/${names.top1}`,
      top5: `${folder}/${names.top5}`,
      sha256: { top1: put(names.top1, jsonText(top1)), top5: put(names.top5, jsonText(top5)) },
      subnets: table.length,
      set: { sha256: hash, part, parts: parts.length },
    };
  });
}
