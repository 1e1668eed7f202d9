import { plainBatches } from '../data/batches.ts';
import { EvaluateSubnetsConfig } from './config.ts';
import { evaluateSubnets } from './evaluate.ts';
import { readSubnets, shareOut } from './subnet-set.ts';
import { parseInput } from '../process/harness.ts';
import type { Outputs, ProcessLine } from '../process/harness.ts';
import type { Job } from '../process/protocol.ts';
import { claimJob, supernetFile } from '../process/stage-io.ts';
import { loadSupernet } from '../supernet/weights.ts';
import { commitRanking, rankingSet, rowOf, commitChunk, recordedScores } from './part-files.ts';
import { openDataset } from '../data/open.ts';

/**
 * `evaluate-subnets`: one part of a set of subnets on one supernet (method, section 5). Chunk after chunk is recorded, so
 * that a killed part goes on at the last finished one; the ranking's files are written when the part is whole.
 */
export async function evaluatePart(job: Job, line: ProcessLine): Promise<Outputs | 'stopped'> {
  const config = parseInput(EvaluateSubnetsConfig, job.with, 'with');
  const { space, n_classes: classes, precision, supernet, calibration } = config;
  const counts = { epoch: supernet.epoch, epochs: 0, step: 0, steps: 0 };
  line.send({ type: 'progress', phase: 'loading', ...counts });
  const subnets = await readSubnets(space, config.subnets);
  const cut = shareOut(
    config,
    subnets.map(({ subnet }) => subnet),
  );
  const part = cut[config.part - 1]!.map((position) => subnets[position]!);
  const file = await supernetFile(job.results, supernet);
  const dataset = await openDataset(config.dataset);
  const tested = dataset.part(config.test_set === 1 ? 'test' : 'selection');
  const net = loadSupernet(file, { space, classes, groups: supernet.groups, precision });
  const scores = await recordedScores(job, await claimJob(job));

  const batches = { calibrating: calibration.batches, evaluating: Math.ceil(tested.size / config.batch_size) };
  const steps = batches.calibrating + batches.evaluating;
  const pace = { began: performance.now(), from: scores.length };
  while (scores.length < part.length) {
    const from = scores.length;
    const chunk = part.slice(from, from + config.chunk);
    const result = await evaluateSubnets(
      net,
      chunk.map(({ subnet }) => subnet),
      {
        calibration: plainBatches(dataset, dataset.part(calibration.part), {
          batchSize: calibration.batch_size,
          limit: calibration.batches * calibration.batch_size,
        }),
        test: plainBatches(dataset, tested, { batchSize: config.batch_size }),
        onProgress: ({ phase, batch, share }) => {
          const step = (phase === 'calibrating' ? 0 : batches.calibrating) + batch;
          const done = from + (chunk.length * (step + share)) / steps;
          line.send({
            type: 'progress',
            phase,
            ...counts,
            step,
            steps,
            subnets: Math.floor(done),
            subnetsTotal: part.length,
            subnetsPerSecond: (1000 * (done - pace.from)) / (performance.now() - pace.began),
          });
        },
        shouldStop: () => line.stopRequested(),
      },
    );
    if (result === 'stopped') return 'stopped';
    line.send({
      type: 'progress',
      phase: 'saving',
      ...counts,
      subnets: from + result.length,
      subnetsTotal: part.length,
    });
    await commitChunk(job, from, result);
    scores.push(...result);
    await line.turn();
    if (line.stopRequested() && scores.length < part.length) return 'stopped';
  }

  line.send({ type: 'progress', phase: 'saving', ...counts, subnets: part.length, subnetsTotal: part.length });
  const set = rankingSet(config, dataset, subnets, cut);
  const rows = part.map((subnet, index) => rowOf(config, subnet, scores[index]!));
  return { part: await commitRanking(job, config, set, rows) };
}

// Finished pieces of a part, on disk and in the manifest: what a killed evaluation goes on at.
// JSON has no NaN; a broken net's cross-entropy is written as null.
