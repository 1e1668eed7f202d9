import type { HeldStage } from '../../artifacts/stage.ts';
import { parseInput } from '../process/harness.ts';
import type { Outputs, ProcessLine } from '../process/harness.ts';
import type { Job } from '../process/protocol.ts';
import { parseArchCode } from '../space/arch-code.ts';
import { spaceAround, subnetOf } from '../space/space.ts';
import type { Ranks } from '../supernet/ranks.ts';
import { Supernet } from '../supernet/supernet.ts';
import { computingWith } from '../supernet/tensorflow.ts';
import { restoreCheckpoint } from './checkpoint.ts';
import { TrainStandaloneConfig } from './config.ts';
import { commitMetrics } from './epoch-files.ts';
import { Sgd } from './sgd.ts';
import { expectRanks, sharedTest } from './shared-test.ts';
import type { StandaloneResult } from '../evaluation/ground-truth.ts';
import { watchOf } from './test-epoch.ts';
import { trainEpoch } from './train-epoch.ts';
import { openDataset } from '../data/open.ts';

/**
 * `train-standalone`: one subnet alone, once with each seed (method, section 4), on images that no supernet sees; its
 * accuracies make a ground truth. Epochs count on through all seeds, and an interrupted stage goes on at its last
 * checkpoint, to the same bits.
 */
export async function trainStandalone(
  job: Job,
  line: ProcessLine,
  stage: HeldStage,
  ranks: Ranks,
): Promise<Outputs | 'stopped'> {
  const config = parseInput(TrainStandaloneConfig, job.with, 'with');
  expectRanks(config, ranks);
  const { epochs, seeds, n_classes: classes, precision } = config;
  const isFirst = ranks.rank === 0;
  const all = epochs * seeds.length;
  line.send({ type: 'progress', phase: 'loading', epoch: 0, epochs: all, step: 0, steps: 0 });
  const subnet = subnetOf(config.space, parseArchCode(config.space, config.arch));
  const space = spaceAround(config.space, subnet);
  const dataset = await openDataset(config.dataset);
  const begin = (seed: number): { net: Supernet; sgd: Sgd } => {
    const net = Supernet.build({ space, classes, groups: 1, seed, precision });
    return { net, sgd: new Sgd(net.parameters, config) };
  };

  let { net, sgd } = begin(seeds[0]!);
  await stage.computesWith(computingWith(job.threads));
  const resumed = await restoreCheckpoint(stage, net, ranks);
  const first = resumed?.at.epoch ?? 0;
  const correct = { top1: listOf(resumed?.state['correct1']), top5: listOf(resumed?.state['correct5']) };

  for (let number = first; number < all; number++) {
    const epoch = number % epochs;
    const seed = seeds[Math.floor(number / epochs)]!;
    if (epoch === 0 && number > first) {
      net.dispose();
      ({ net, sgd } = begin(seed));
    }
    const trained = await trainEpoch(
      {
        stage,
        line,
        config,
        dataset,
        part: dataset.part('ground-truth-training'),
        net,
        sgd,
        seed,
        ranks,
        netsOf: () => [{ role: 'max', subnet, resolution: space.resolutions.at(-1)! }],
        distill: false,
        regularisation: { dropout: config.dropout, dropConnect: 0, onlyLastTwoStages: false },
        rankLoss: null,
        epochs: { before: number - epoch, all },
        tau: null,
        carried: { correct1: correct.top1, correct5: correct.top5 },
      },
      epoch,
      resumed,
    );
    if (trained === 'stopped') return 'stopped';
    const { sums, rate, report } = trained;
    const metrics = { epoch: number, seed, loss: sums.loss, train: sums.accuracies, lr: rate };
    if (epoch < epochs - 1) {
      if (isFirst) await commitMetrics(stage, metrics);
      continue;
    }
    const tested = { calibration: config.calibration, test: config.test };
    const watch = watchOf({ report, stopRequested: () => line.stopRequested() }, 1);
    const scores = await sharedTest(net, [subnet], dataset, tested, watch, ranks);
    if (scores === 'stopped') return 'stopped';
    const { top1, top5, images } = scores[0]!;
    correct.top1.push(top1);
    correct.top5.push(top5);
    if (isFirst) await commitMetrics(stage, { ...metrics, test: { top1: top1 / images, top5: top5 / images } });
  }
  const result = standaloneResult(config, correct, dataset.part(config.test.part).size);
  if (!isFirst) return {};
  const { 'result.json': file } = await stage.put({ 'result.json': `${JSON.stringify(result, null, 2)}\n` });
  return { result: { ...file, arch: result.arch, mean: result.mean } };
}

/**
 * How a subnet did with each of its seeds, and on average.
 * @param correct of each run, how many of the `images` were right
 */
export function standaloneResult(
  { arch, seeds }: Pick<TrainStandaloneConfig, 'arch' | 'seeds'>,
  correct: { readonly top1: readonly number[]; readonly top5: readonly number[] },
  images: number,
): StandaloneResult {
  const percent = (count: number): number => (100 * count) / images;
  const accuracies = correct.top1.map(percent);
  const n = accuracies.length;
  const mean = accuracies.reduce((sum, value) => sum + value, 0) / n;
  const variance = accuracies.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return {
    version: 1,
    arch,
    images,
    runs: seeds.map((seed, run) => ({ seed, top1: accuracies[run]!, top5: percent(correct.top5[run]!) })),
    mean,
    standardError: n > 1 ? Math.sqrt(variance / n) : null,
  };
}

function listOf(value: number | number[] | undefined): number[] {
  return Array.isArray(value) ? [...value] : [];
}
