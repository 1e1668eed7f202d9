// A rank by itself: rank-process.ts TASK, JSON of a RankTask. Trains the tiny supernet and prints what came of it.
import { createHash } from 'node:crypto';
import { joinCluster } from '../../runtime/collectives/cluster.ts';
import { randomOf } from '../../nas/space/random.ts';
import { tinySupernet } from './training-configs.ts';

export interface RankTask {
  readonly rank: number;
  /** Of all ranks; one that is empty trains alone. */
  readonly addresses: readonly string[];
  /** Images of each rank in every step. */
  readonly images: readonly number[];
  /** Whether BN statistics are taken of the ranks' images apart, by one process that has all of them. */
  readonly inParts?: boolean;
  readonly steps: number;
  readonly precision: 'float32' | 'bf16';
  /** How many subnets are tested after the training, by all ranks together: once so many, once so many … */
  readonly tested?: readonly number[];
}

export interface RankResult {
  readonly losses: readonly (readonly number[])[];
  readonly top1: readonly number[];
  /** Of all weights and momenta. */
  readonly sha256: string;
  readonly weights: readonly number[];
  /** Of the tested subnets, each time: as all ranks have found them together, and as this process has found them by itself. */
  readonly scores: readonly { readonly shared: unknown; readonly alone: unknown }[];
}

const task: RankTask = JSON.parse(process.argv[2] ?? '');
const { rank, addresses, images, steps, precision } = task;
const isRank = addresses.length > 0;
if (isRank) joinCluster({ rank, addresses }, 1);
const { alone, ranksOf } = await import('../../nas/supernet/ranks.ts');
const { Supernet } = await import('../../nas/supernet/supernet.ts');
const { sandwich } = await import('../../nas/training/sandwich.ts');
const { Sgd } = await import('../../nas/training/sgd.ts');
const { trainStep } = await import('../../nas/training/step.ts');
const { normOfParts } = await import('./norm-of-parts.ts');
const { openDataset } = await import('../../nas/data/open.ts');
const { testSubnets } = await import('../../nas/evaluation/evaluate.ts');
const { randomArchitecture } = await import('../../nas/space/sampling.ts');
const { subnetOf } = await import('../../nas/space/space.ts');
const { sharedTest } = await import('../../nas/training/shared-test.ts');

const ranks = isRank
  ? ranksOf({ rank, addresses })
  : { ...alone, ...(task.inParts === true && { norm: () => normOfParts(images) }) };
const config = tinySupernet();
const { space } = config;
const net = Supernet.build({ space, classes: 10, groups: 1, seed: 3, precision });
const sgd = new Sgd(net.parameters, config);
const pixels = 28 * 28;
const total = images.reduce((sum, count) => sum + count);
const before = images.slice(0, rank).reduce((sum, count) => sum + count, 0);
const [from, to] = isRank ? [before, before + images[rank]!] : [0, total];

const results = Array.from({ length: steps }, (_, iteration) => {
  const random = randomOf(iteration, 'images');
  const labels = Int32Array.from({ length: total }, () => random.integer(10));
  // Ten patterns under noise, so that there is something to learn.
  const all = Float32Array.from({ length: total * pixels }, (__, at) => {
    return Math.sin(((at % pixels) * (labels[Math.floor(at / pixels)]! + 1)) / 37) + random.normal();
  });
  const own = labels.slice(from, to);
  const batch = { images: all.slice(from * pixels, to * pixels), labels: own, indices: own };
  return trainStep(net, sgd, batch, sandwich(config, iteration), {
    iteration,
    seed: 7,
    rate: 0.005,
    labelSmoothing: 0.1,
    distill: true,
    regularisation: { dropout: 0.2, dropConnect: 0.2, onlyLastTwoStages: false },
    ranks,
  });
});

const hash = createHash('sha256');
const weights: number[] = [];
for (const parameter of net.parameters) {
  weights.push(...parameter.read());
  hash.update(parameter.read()).update(parameter.readMomentum());
}
const parts = { calibration: config.calibration, test: config.selection };
const watch = { onProgress: () => undefined, shouldStop: () => false };
const scores: RankResult['scores'][number][] = [];
if (task.tested !== undefined) {
  const dataset = await openDataset(config.dataset);
  const random = randomOf(5, 'tested');
  for (const count of task.tested) {
    const subnets = Array.from({ length: count }, () => subnetOf(space, randomArchitecture(space, random)));
    const shared = await sharedTest(net, subnets, dataset, parts, watch, ranks);
    scores.push({ shared, alone: await testSubnets(net, subnets, dataset, parts, watch) });
  }
}
const result: RankResult = {
  losses: results.map(({ losses }) => losses),
  top1: results.map(({ top1 }) => top1),
  sha256: hash.digest('hex'),
  weights,
  scores,
};
// A last sum: a rank that ends while another still reads would break it off.
ranks.gather([0]);
process.stdout.write(JSON.stringify(result), () => process.exit(0));
