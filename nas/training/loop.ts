import type { EpochRecord, Manifest } from '../../artifacts/manifest.ts';
import { replaced } from '../../artifacts/stage.ts';
import type { HeldStage } from '../../artifacts/stage.ts';
import type { StoredFile } from '../../artifacts/store.ts';
import { parseInput } from '../process/harness.ts';
import type { Outputs, ProcessLine } from '../process/harness.ts';
import type { Job } from '../process/protocol.ts';
import { supernetFile } from '../process/stage-io.ts';
import { inherit } from '../supernet/inheritance.ts';
import { Supernet } from '../supernet/supernet.ts';
import { computingWith } from '../supernet/tensorflow.ts';
import { loadSupernet, saveSupernet } from '../supernet/weights.ts';
import { restoreCheckpoint } from './checkpoint.ts';
import { TrainSupernetConfig } from './config.ts';
import { metricsFiles } from './epoch-metrics.ts';
import type { Metrics } from './epoch-metrics.ts';
import { lrFactor, Sgd } from './sgd.ts';
import { sandwich } from './step.ts';
import { readGroundTruth } from '../evaluation/ground-truth.ts';
import { baselineTaus, testEpoch } from './test-epoch.ts';
import { trainEpoch } from './train-epoch.ts';
import type { Training } from './train-epoch.ts';
import { openDataset } from '../data/open.ts';

/**
 * `train-supernet`: the one-shot supernet, or a few-shot one that inherits (method, sections 2 and 3). Each epoch is
 * trained, tested, saved under its tau and committed. A stage that was interrupted goes on at its last checkpoint, to
 * the same bits. There are no outputs: an epoch is chosen by whoever started it.
 */
export async function trainSupernet(job: Job, line: ProcessLine, stage: HeldStage): Promise<Outputs | 'stopped'> {
  const config = parseInput(TrainSupernetConfig, job.with, 'with');
  const { seed, epochs } = config;
  line.send({ type: 'progress', phase: 'loading', epoch: 0, epochs, step: 0, steps: 0 });
  const truth = await readGroundTruth(config.space, config.ground_truth);
  const dataset = await openDataset(config.dataset);
  const net = await startOf(config, job.results);
  const sgd = new Sgd(net.parameters, config, (parameter) => lrFactor(config, parameter));
  await stage.computesWith(computingWith(job.threads));
  const { manifest } = stage;
  const resumed = await restoreCheckpoint(stage, net);

  const training: Omit<Training, 'tau'> = {
    stage,
    line,
    config,
    dataset,
    part: dataset.part('training'),
    net,
    sgd,
    seed,
    netsOf: (iteration) => sandwich(config, iteration),
    distill: config.inplace_distill,
    regularisation: {
      dropout: config.dropout,
      dropConnect: config.drop_connect,
      onlyLastTwoStages: config.drop_connect_only_last_two_stages,
    },
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
    const tested = await testEpoch(config, dataset, net, truth, { report, stopRequested: () => line.stopRequested() });
    if (tested === 'stopped') return 'stopped';
    report('saving');
    const { crossEntropy, ...figures } = tested;
    const { tau, interval } = figures;
    lastTau = tau;
    const { loss } = sums;
    await commitEpoch(stage, net, { epoch, loss, ...figures }, config.keep.min_tau, {
      train: sums.accuracies,
      lr: rate,
      crossEntropy,
      calibration: { ...config.calibration, sha256: dataset.part(config.calibration.part).sha256 },
      baselines: baselineTaus(truth, config),
    });
    line.send({ type: 'epoch', epoch, epochs, tau, interval, loss, seconds: pace.seconds });
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

// What stands of an epoch when it is over: its supernet's file, its record in the manifest, its metrics.

/** What was measured of an epoch. */
export type Measured = Omit<EpochRecord, 'file' | 'sha256' | 'bytes'>;

/**
 * Commits an epoch: `{tau}_{epoch}.safetensors` where it is kept, the manifest's record, its metrics. Kept are
 * all epochs (minTau null), or those with a tau above minTau; the best so far is kept always, so that there is one to choose.
 * @param extras what the metrics say beside the record
 */
export async function commitEpoch(
  stage: HeldStage,
  net: Supernet,
  measured: Measured,
  minTau: number | null,
  extras: Omit<Metrics, keyof Measured> & Readonly<Record<string, unknown>>,
): Promise<void> {
  const { epoch, tau } = measured;
  const file = `${stage.directory}/${tau === null ? 'nan' : tau.toFixed(4)}_${epoch}.safetensors`;
  const write = (path: string) => saveSupernet(net, path, { epoch: String(epoch), tau: String(tau) });
  const metrics = await metricsFiles(stage, { ...measured, ...extras });
  const recordsOf = ({ epochs }: Pick<Manifest, 'epochs'>, saved?: StoredFile): EpochRecord[] => {
    // A stage that resumed before an epoch it had committed commits it again, with the same bits.
    const earlier = epochs.filter((record) => record.epoch < epoch);
    const { sha256 = null, bytes = null } = saved ?? {};
    return keptOf([...earlier, { ...measured, file, sha256, bytes }], minTau);
  };
  const isKept = recordsOf(stage.manifest).at(-1)?.file === file;
  await stage.commit([...(isKept ? [{ file, write }] : []), ...metrics], (manifest, stored) => ({
    ...manifest,
    epochs: recordsOf(
      manifest,
      stored.find((one) => one.file === file),
    ),
    extras: replaced(
      manifest.extras,
      stored.filter((one) => one.file !== file),
    ),
  }));
}

/** The records with the files of those that are not kept taken out. */
export function keptOf(epochs: readonly EpochRecord[], minTau: number | null): EpochRecord[] {
  if (minTau === null) return [...epochs];
  const best = Math.max(...epochs.map(score));
  return epochs.map((record) =>
    score(record) > minTau || score(record) === best ? record : { ...record, file: null, sha256: null, bytes: null },
  );
}

function score({ tau }: EpochRecord): number {
  return tau ?? -Infinity;
}
