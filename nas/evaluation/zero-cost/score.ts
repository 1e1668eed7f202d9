import { ZeroCostConfig, zeroCostFile } from './config.ts';
import type { ZeroCostRecord } from './config.ts';
import { gradientNorm, naswot } from './measures.ts';
import { logSynflow } from './synflow.ts';
import type { HeldStage } from '../../../artifacts/stage.ts';
import { plainBatches } from '../../data/batches.ts';
import { openDataset } from '../../data/open.ts';
import { parseInput } from '../../process/harness.ts';
import type { Outputs, ProcessLine } from '../../process/harness.ts';
import type { Job } from '../../process/protocol.ts';
import { spaceAround } from '../../space/space.ts';
import type { Space, Subnet } from '../../space/space.ts';
import { imagesTensor } from '../../supernet/images.ts';
import { Supernet } from '../../supernet/supernet.ts';
import { computingWith, dispose } from '../../supernet/tensorflow.ts';
import { readGroundTruth } from '../ground-truth.ts';
import { reporting } from '../part.ts';

/**
 * `zero-cost-scores`: scores the subnets of a ground truth by measures that need no training, each as a network of its own with random
 * weights, for reports to hold supernets against. It takes minutes, and begins anew where it was interrupted.
 */
export async function zeroCostScores(job: Job, line: ProcessLine, stage: HeldStage): Promise<Outputs | 'stopped'> {
  const config = parseInput(ZeroCostConfig, job.with, 'with');
  const { space, n_classes: classes, ground_truth: source, seeds, batch_size: batchSize } = config;
  const report = reporting(line, 0);
  report('loading');
  const { subnets } = await readGroundTruth(space, source);
  const dataset = await openDataset(config.dataset);
  const batches = plainBatches(dataset, dataset.part('training'), { batchSize, limit: batchSize });
  const { value: batch } = await batches.next();
  if (batch === undefined) throw new RangeError('training images: expected some, got none');
  await stage.computesWith(computingWith(job.threads));
  const images = imagesTensor(space, batch.images);
  const scores: ZeroCostRecord['scores'] = { 'gradient norm': [], 'log SynFlow': [], NASWOT: [] };
  for (const subnet of subnets) {
    report('evaluating', { subnets: scores.NASWOT.length, subnetsTotal: subnets.length });
    const nets = seeds.map((seed) => untrained(space, subnet, classes, seed));
    const mean = (of: (net: Supernet) => number): number => nets.reduce((sum, net) => sum + of(net), 0) / nets.length;
    scores['gradient norm'].push(mean((net) => gradientNorm(net, subnet, images, batch.labels)));
    scores['log SynFlow'].push(mean((net) => logSynflow(net, subnet)));
    scores.NASWOT.push(mean((net) => naswot(net, subnet, images)));
    for (const net of nets) net.dispose();
    await line.turn();
    if (line.stopRequested()) return 'stopped';
  }
  dispose(images);
  const record: ZeroCostRecord = {
    version: 1,
    ground_truth: source.sha256,
    seeds,
    images: batch.labels.length,
    scores,
  };
  const files = await stage.put({ [zeroCostFile]: `${JSON.stringify(record, null, 1)}\n` });
  return { scores: files[zeroCostFile] };
}

/**
 * A subnet as a network of its own before its training. Blocks do not start as the identity, as they do where they are trained: a
 * branch that counts nothing has neither gradients nor a say in what is on.
 */
export function untrained(space: Space, subnet: Subnet, classes: number, seed: number): Supernet {
  const net = Supernet.build({ space: spaceAround(space, subnet), classes, groups: 1, seed });
  for (const parameter of net.parameters) {
    if (parameter.kind === 'norm') parameter.assign(new Float32Array(parameter.shape[0]!).fill(1));
  }
  return net;
}
