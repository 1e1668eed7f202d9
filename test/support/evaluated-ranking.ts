import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { sha256Of } from '../../artifacts/files.ts';
import type { PartTable } from '../../nas/evaluation/merge.ts';
import { listText, partFiles, rowOf, tableText } from '../../nas/evaluation/ranking.ts';
import type { RankingPart, RankingSet } from '../../nas/evaluation/ranking.ts';
import { sampledSubnets, shareOut } from '../../nas/evaluation/subnet-set.ts';
import { parameterCount } from '../../nas/space/cost.ts';
import { depthOf } from '../../nas/space/space.ts';
import type { Subnet } from '../../nas/space/space.ts';
import type { FileReference } from '../../artifacts/references.ts';
import { committedSpace } from './spaces.ts';

const space = committedSpace('fashion');
/** The subnets of the set. */
export const subnets = sampledSubnets(space, { count: 90, seed: 1, way: 'stratified' });
const supernet = { file: 'run/one-shot/0.5_1.safetensors', sha256: 'a'.repeat(64), epoch: 1, groups: 1 };
const IMAGES = 1000;

/** A set of three parts in which a budget pays for some, and what its evaluation finds. */
export function evaluated(budget: number | null): { set: RankingSet; parts: PartTable[] } {
  const shares = shareOut(
    { space, supernet, cut: 'tree', parts: 3, budget },
    subnets.map(({ subnet }) => subnet),
  );
  const set: RankingSet = {
    version: 2,
    space,
    n_classes: 10,
    supernet: { sha256: supernet.sha256, epoch: 1, groups: 1 },
    test: { part: 'test', sha256: 'b'.repeat(64) },
    calibration: { part: 'calibration', sha256: 'c'.repeat(64), batches: 2, batch_size: 100 },
    precision: 'float32',
    parts: 3,
    budget,
    subnets: { count: subnets.length, sha256: sha256Of(listText(subnets)) },
  };
  const parts = shares.map(({ evaluated: some, listed }, index) => ({
    part: index + 1,
    rows: [
      ...some.map((at) => rowOf({ space, n_classes: 10 }, subnets[at]!, scoreOf(subnets[at]!.subnet))),
      ...listed.map((at) => rowOf({ space, n_classes: 10 }, subnets[at]!, null)),
    ],
  }));
  return { set, parts };
}

function scoreOf(subnet: Subnet): { top1: number; top5: number; images: number; crossEntropy: number } {
  const top1 = Math.round(300 + 60 * Math.log(parameterCount(space, subnet, 10)) - 5 * depthOf(subnet));
  return { top1, top5: top1 + 150, images: IMAGES, crossEntropy: 1 };
}

/** Puts the files of the parts below a results root, as evaluations do; what these give to a merge. */
export function partsOnDisk(root: string, { set, parts }: ReturnType<typeof evaluated>): RankingPart[] {
  return parts.map(({ part, rows }) => {
    const folder = `run/evaluate/${part}`;
    mkdirSync(path.join(root, folder), { recursive: true });
    const put = (name: string, text: string): FileReference => {
      writeFileSync(path.join(root, folder, name), text);
      return { file: `${folder}/${name}`, sha256: sha256Of(text) };
    };
    return {
      ...put(partFiles.table, tableText(rows)),
      subnets: rows.length,
      set: { ...put(partFiles.set, `${JSON.stringify(set, null, 1)}\n`), part, parts: parts.length },
      json_results: 'one-shot/json_results/epoch1_all_test',
    };
  });
}
