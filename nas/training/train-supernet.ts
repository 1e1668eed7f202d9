import { choicesOf } from '../../artifacts/reuse.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import { openDataset } from '../data/open.ts';
import { assertFits } from '../evaluation/epoch-scores.ts';
import { readGroundTruth } from '../evaluation/ground-truth.ts';
import { parseInput } from '../process/harness.ts';
import type { Outputs, ProcessLine } from '../process/harness.ts';
import type { Job } from '../process/protocol.ts';
import { supernetFile } from '../process/stage-io.ts';
import { inherit } from '../supernet/inheritance.ts';
import type { Ranks } from '../supernet/ranks.ts';
import { Supernet } from '../supernet/supernet.ts';
import { computingWith } from '../supernet/tensorflow.ts';
import { loadSupernet } from '../supernet/weights.ts';
import { restoreCheckpoint } from './checkpoint.ts';
import { testedEpochs, TrainSupernetConfig } from './config.ts';
import { commitEpoch, commitMetrics } from './epoch-files.ts';
import { rankLossOf } from './rank-loss.ts';
import { sandwich } from './sandwich.ts';
import { lrFactor, Sgd } from './sgd.ts';
import { expectRanks } from './shared-test.ts';
import { baselineTaus, testEpoch } from './test-epoch.ts';
import { trainEpoch } from './train-epoch.ts';
import type { Training } from './train-epoch.ts';

/**
 * `train-supernet`: the one-shot supernet, or a few-shot one that inherits (method, sections 2 and 3). Each epoch is
 * trained, tested, saved under its tau and committed; one before `selection.last_epochs` leaves its metrics alone. A
 * stage that was interrupted goes on at its last checkpoint, to the same bits. There are no outputs: an epoch is chosen
 * by whoever started it.
 */
export async function trainSupernet(
  job: Job,
  line: ProcessLine,
  stage: HeldStage,
  ranks: Ranks,
): Promise<Outputs | 'stopped'> {
  const config = parseInput(TrainSupernetConfig, job.with, 'with');
  expectRanks(config, ranks);
  const { seed, epochs } = config;
  line.send({ type: 'progress', phase: 'loading', epoch: 0, epochs, step: 0, steps: 0 });
  const truth = await readGroundTruth(config.space, config.ground_truth);
  assertFits(config.ground_truth.file, truth, config);
  const dataset = await openDataset(config.dataset);
  const net = await startOf(config, job.results);
  const sgd = new Sgd(net.parameters, config, (parameter) => lrFactor(config, parameter));
  await stage.computesWith(computingWith(job.threads));
  // All is trained again where every supernet was deleted: the checkpoints could bring the last one back alone.
  const isTrained = stage.manifest.epochs.length === testedEpochs(config);
  if (isTrained && (await choicesOf(stage.store, stage.manifest)).length === 0) {
    await stage.change((found) => ({ ...found, epochs: [], checkpoints: [] }));
  }
  const { manifest } = stage;
  const resumed = await restoreCheckpoint(stage, net, ranks);

  const training: Omit<Training, 'tau'> = {
    stage,
    line,
    config,
    dataset,
    part: dataset.part('training'),
    net,
    sgd,
    seed,
    ranks,
    netsOf: (iteration) => sandwich(config, iteration),
    distill: config.inplace_distill,
    regularisation: {
      dropout: config.dropout,
      dropConnect: config.drop_connect,
      onlyLastTwoStages: config.drop_connect_only_last_two_stages,
    },
    rankLoss: rankLossOf(config),
    epochs: { before: 0, all: epochs },
    carried: {},
  };
  let lastTau = manifest.epochs.at(-1)?.tau ?? null;
  for (let epoch = resumed?.at.epoch ?? 0; epoch < epochs; epoch++) {
    const trained = await trainEpoch({ ...training, tau: lastTau }, epoch, resumed);
    if (trained === 'stopped') return 'stopped';
    const isCommitted = manifest.epochs.some((record) => record.epoch === epoch);
    if (epoch === resumed?.at.epoch && isCommitted) continue;

    const { sums, pace, rate, report } = trained;
    const { loss } = sums;
    const ofTraining = { train: sums.accuracies, lr: rate };
    if (epoch < epochs - testedEpochs(config)) {
      if (ranks.rank === 0) await commitMetrics(stage, { epoch, loss, ...ofTraining });
      continue;
    }
    const watch = { report, stopRequested: () => line.stopRequested() };
    const tested = await testEpoch(config, dataset, net, truth, watch, ranks);
    if (tested === 'stopped') return 'stopped';
    report('saving');
    const { crossEntropy, ...figures } = tested;
    const { tau } = figures;
    lastTau = tau;
    if (ranks.rank > 0) continue;
    await commitEpoch(stage, net, { epoch, loss, ...figures }, config.keep.min_tau, {
      ...ofTraining,
      crossEntropy,
      calibration: { ...config.calibration, sha256: dataset.part(config.calibration.part).sha256 },
      baselines: baselineTaus(truth, config),
    });
    console.error(`epoch ${epoch}: loss ${loss.toFixed(4)}, tau ${tau?.toFixed(4) ?? 'undefined'}, ${pace.summary()}`);
  }
  return {};
}

/** New weights, or those of the supernet that is inherited from, cut into K groups. */
async function startOf(config: TrainSupernetConfig, results: string): Promise<Supernet> {
  const { space, n_classes: classes, precision, groups, seed } = config;
  if (config.inherit === null) return Supernet.build({ space, classes, groups, seed, precision });
  const file = await supernetFile(results, config.inherit);
  const source = loadSupernet(file, { space, classes, groups: config.inherit.groups, precision });
  const net = inherit(source, groups);
  source.dispose();
  return net;
}
