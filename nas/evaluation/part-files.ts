import path from 'node:path';
import { mkdir, readFile } from 'node:fs/promises';
import { z } from 'zod';
import { commit } from '../../artifacts/fence.ts';
import type { Placement } from '../../artifacts/fence.ts';
import { atomicWrite, temporaryName } from '../../artifacts/files.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { placeOf } from '../../artifacts/paths.ts';
import type { Dataset } from '../data/dataset.ts';
import type { EvaluateSubnetsConfig } from './config.ts';
import type { Score } from './evaluate.ts';
import type { PartReference } from './merge.ts';
import { jsonText, rankingFolder, rankingNames, sha256Of, tableText } from './ranking-files.ts';
import type { Accuracies, RankingSet, TableRow } from './ranking-files.ts';
import type { NamedSubnet } from './subnet-set.ts';
import type { Job } from '../process/protocol.ts';
import { macs, parameterCount } from '../space/cost.ts';
import { depthOf } from '../space/space.ts';

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

const count = z.int().nonnegative();

const number = z
  .number()
  .nullable()
  .transform((value) => value ?? NaN);

const Scores = z.array(z.strictObject({ top1: count, top5: count, images: count, crossEntropy: number }));

/** Records the scores of the part's subnets from position `from` on, durably and under the job's token. */
export async function commitChunk(job: Job, from: number, scores: readonly Score[]): Promise<void> {
  const to = from + scores.length;
  const file = `${job.directory}/chunks/${from}-${to}.json`;
  const text = `${JSON.stringify(scores)}\n`;
  const place = placeOf(job.results, file);
  await mkdir(path.dirname(place), { recursive: true });
  const temporary = temporaryName(place);
  await atomicWrite(temporary, text);
  const chunk = { from, to, file, sha256: sha256Of(text) };
  await commit(
    job.results,
    job.directory,
    job.token,
    (manifest) => ({ ...manifest, chunks: [...manifest.chunks.filter((earlier) => earlier.to <= from), chunk] }),
    [{ from: temporary, to: file }],
  );
}

/** The scores that earlier attempts recorded, from the part's beginning to the first gap or damaged file. */
export async function recordedScores(job: Job, { chunks }: Manifest): Promise<Score[]> {
  const scores: Score[] = [];
  for (const { from, to, file, sha256 } of chunks.toSorted((a, b) => a.from - b.from)) {
    const text = await readFile(placeOf(job.results, file), 'utf8').catch(() => '');
    if (from !== scores.length || sha256Of(text) !== sha256) {
      console.warn(`${file}: expected sha256 ${sha256} and a first subnet ${scores.length}; evaluated anew from there`);
      break;
    }
    scores.push(...Scores.parse(JSON.parse(text)).slice(0, to - from));
  }
  return scores;
}
