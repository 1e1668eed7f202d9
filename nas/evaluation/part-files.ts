import { mkdir } from 'node:fs/promises';
import { atomicWrite, temporaryName } from '../../artifacts/atomic-write.ts';
import { commit } from '../../artifacts/fence.ts';
import type { Placement } from '../../artifacts/fence.ts';
import { placeOf } from '../../artifacts/paths.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Job } from '../process/protocol.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { depthOf } from '../space/space.ts';
import type { EvaluateSubnetsConfig } from './config.ts';
import type { PartReference } from './merge.ts';
import { jsonText, rankingFolder, rankingNames, sha256Of, tableText } from './ranking-files.ts';
import type { Accuracies, RankingSet, TableRow } from './ranking-files.ts';
import type { Score } from './score.ts';
import type { NamedSubnet } from './subnet-set.ts';

/** Places the part's files under the job's token; what `${{ stages.X.part }}` gives. */
export async function commitRanking(
  job: Job,
  config: EvaluateSubnetsConfig,
  set: RankingSet,
  rows: readonly TableRow[],
): Promise<PartReference & { subnets: number }> {
  const folder = rankingFolder(job.directory, config.supernet, config.test_set);
  const names = rankingNames(config.part);
  const accuracies = (of: 'top1' | 'top5'): Accuracies =>
    Object.fromEntries(rows.map((row) => [row.id, { arch: row.code, acc: row[of] }]));
  const texts = {
    top1: jsonText(accuracies('top1')),
    top5: jsonText(accuracies('top5')),
    table: tableText(rows),
    set: jsonText(set),
  };
  await mkdir(placeOf(job.results, folder), { recursive: true });
  const place = async (name: string, text: string): Promise<Placement> => {
    const from = temporaryName(placeOf(job.results, `${job.directory}/${name}`));
    await atomicWrite(from, text);
    return { from, to: `${folder}/${name}`, sha256: sha256Of(text) };
  };
  const placements = [
    await place(names.top1, texts.top1),
    await place(names.top5, texts.top5),
    await place(names.table, texts.table),
    await place(names.set, texts.set),
  ];
  await commit(job.results, job.directory, job.token, (manifest) => manifest, placements);
  return {
    top1: `${folder}/${names.top1}`,
    top5: `${folder}/${names.top5}`,
    sha256: { top1: sha256Of(texts.top1), top5: sha256Of(texts.top5) },
    subnets: rows.length,
    set: { sha256: sha256Of(texts.set), part: config.part, parts: config.parts },
  };
}

export function rankingSet(
  { space, n_classes, supernet, calibration, precision, parts, test_set: testSet }: EvaluateSubnetsConfig,
  dataset: Dataset,
  subnets: readonly NamedSubnet[],
  cut: readonly (readonly number[])[],
): RankingSet {
  const partOf = new Map(cut.flatMap((positions, index) => positions.map((position) => [position, index + 1])));
  const { name, sha256 } = dataset.part(testSet === 1 ? 'test' : 'selection');
  return {
    version: 1,
    space,
    n_classes,
    supernet: supernet.sha256,
    test: { part: name, sha256 },
    calibration: { ...calibration, sha256: dataset.part(calibration.part).sha256 },
    precision,
    parts,
    subnets: Object.fromEntries(
      subnets.map(({ id, code }, position) => [id, { arch: code, part: partOf.get(position) ?? null }]),
    ),
  };
}

export function rowOf(
  { space, n_classes: classes }: Pick<EvaluateSubnetsConfig, 'space' | 'n_classes'>,
  { id, code, subnet }: NamedSubnet,
  { top1, top5, images, crossEntropy }: Score,
): TableRow {
  const share = top1 / images;
  return {
    id,
    code,
    depth: depthOf(subnet),
    parameters: parameterCount(space, subnet, classes),
    macs: macs(space, subnet, space.resolutions.at(-1)!, classes),
    top1: (100 * top1) / images,
    top5: (100 * top5) / images,
    crossEntropy,
    standardError: 100 * Math.sqrt((share * (1 - share)) / images),
  };
}
