import { commitChunk, recordedScores } from './chunks.ts';
import { EvaluateSubnetsConfig } from './config.ts';
import { testSubnets } from './evaluate.ts';
import { listText, originalFolder, partFiles, rowOf, tableText } from './ranking.ts';
import type { RankingPart, RankingSet } from './ranking.ts';
import { readSubnets, shareOut } from './subnet-set.ts';
import type { NamedSubnet } from './subnet-set.ts';
import { nextHeat, raceOf, resultsOf, scoresInAll } from './racing/race.ts';
import { sha256Of } from '../../artifacts/files.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { Dataset, Part } from '../data/dataset.ts';
import { openDataset } from '../data/open.ts';
import { parseInput } from '../process/harness.ts';
import type { Outputs, ProcessLine } from '../process/harness.ts';
import type { Job, Progress } from '../process/protocol.ts';
import { supernetFile } from '../process/stage-io.ts';
import { computingWith } from '../supernet/tensorflow.ts';
import { loadSupernet } from '../supernet/weights.ts';

/**
 * `evaluate-subnets`: one part of a set of subnets on one supernet (method, section 5). Chunk after chunk is recorded, so
 * that a killed part goes on at the last finished one; the part's files are written when it is whole.
 */
export async function evaluatePart(job: Job, line: ProcessLine, stage: HeldStage): Promise<Outputs | 'stopped'> {
  const config = parseInput(EvaluateSubnetsConfig, job.with, 'with');
  const { space, n_classes: classes, precision, supernet, calibration, batch_size } = config;
  const report = reporting(line, supernet.epoch);
  report('loading');
  const set = await readSubnets(space, config.subnets);
  const share = shareOut(
    config,
    set.map(({ subnet }) => subnet),
  )[config.part - 1]!;
  const part = share.evaluated.map((position) => set[position]!);
  const file = await supernetFile(job.results, supernet);
  const dataset = await openDataset(config.dataset);
  const tested = config.test_set === 1 ? 'test' : 'selection';
  const net = loadSupernet(file, { space, classes, groups: supernet.groups, precision });
  await stage.computesWith(computingWith(job.threads));

  const race = raceOf(
    config,
    part.map(({ subnet }) => subnet),
    dataset.part(tested).size,
  );
  const scores = await recordedScores(stage);
  const pace = { began: performance.now(), from: scores.length };
  let heat = nextHeat(race, scores);
  while (heat !== null) {
    const from = scores.length;
    const subnetsTotal = scoresInAll(race, scores);
    const chunk = heat.subnets.slice(0, config.chunk).map((at) => part[at]!.subnet);
    const images = { calibration, test: { part: tested, batch_size, positions: heat.images } } as const;
    const result = await testSubnets(net, chunk, dataset, images, {
      onProgress: ({ phase, share: ofBatch, ofTest }) => {
        const done = from + (chunk.length * (ofTest.step + ofBatch)) / ofTest.steps;
        const subnetsPerSecond = (1000 * (done - pace.from)) / (performance.now() - pace.began);
        report(phase, { ...ofTest, subnets: Math.floor(done), subnetsTotal, subnetsPerSecond });
      },
      shouldStop: () => line.stopRequested(),
    });
    if (result === 'stopped') return 'stopped';
    report('saving', { subnets: from + result.length, subnetsTotal });
    await commitChunk(stage, from, result);
    scores.push(...result);
    await line.turn();
    heat = nextHeat(race, scores);
    if (heat !== null && line.stopRequested()) return 'stopped';
  }

  report('saving', { subnets: scores.length, subnetsTotal: scores.length });
  const results = resultsOf(race, scores);
  const rows = [
    ...part.map((subnet, index) => rowOf(config, subnet, results[index]!)),
    ...share.listed.map((position) => rowOf(config, set[position]!, null)),
  ];
  const files = await stage.put({
    [partFiles.set]: `${JSON.stringify(rankingSet(config, dataset, dataset.part(tested), set), null, 1)}\n`,
    [partFiles.table]: tableText(rows),
  });
  const made: RankingPart = {
    ...files[partFiles.table],
    subnets: part.length,
    set: { ...files[partFiles.set], part: config.part, parts: config.parts },
    json_results: originalFolder(config),
  };
  return { part: made };
}

type Counts = Partial<Omit<Progress, 'version' | 'type' | 'phase'>>;

/** Reports phases of an evaluation: it has no epochs but that of its supernet. */
export function reporting(line: ProcessLine, epoch: number): (phase: Progress['phase'], counts?: Counts) => void {
  return (phase, counts = {}) => line.send({ type: 'progress', phase, epoch, epochs: 0, step: 0, steps: 0, ...counts });
}

function rankingSet(
  { space, n_classes, supernet, calibration, precision, parts, budget, racing }: EvaluateSubnetsConfig,
  dataset: Dataset,
  tested: Part,
  subnets: readonly NamedSubnet[],
): RankingSet {
  return {
    version: 2,
    space,
    n_classes,
    supernet: { sha256: supernet.sha256, epoch: supernet.epoch, groups: supernet.groups },
    test: { part: tested.name, sha256: tested.sha256 },
    calibration: { ...calibration, sha256: dataset.part(calibration.part).sha256 },
    precision,
    parts,
    budget,
    ...(racing && { racing }),
    subnets: { count: subnets.length, sha256: sha256Of(listText(subnets)) },
  };
}
