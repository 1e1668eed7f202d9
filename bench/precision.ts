import { load } from 'js-yaml';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { spaceNamed } from './train-task.ts';
import { resultsRoot } from '../artifacts/paths.ts';
import { armsText } from '../cli/compare.ts';
import { DatasetConfig } from '../configs/dataset-schema.ts';
import { plainBatches } from '../nas/data/batches.ts';
import type { Batch } from '../nas/data/batches.ts';
import { bootstrapInterval } from '../nas/evaluation/agreement.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { evaluateSubnets } from '../nas/evaluation/evaluate.ts';
import { referenceLogits } from '../test/support/reference.ts';
import { sampledSubnets } from '../nas/evaluation/subnet-set.ts';
import { loadSupernet } from '../nas/supernet/weights.ts';
import { compareArms } from '../report/arms.ts';
import { stagesNamed } from '../report/compare.ts';
import { root } from '../runtime/layout.ts';
import { openDataset } from '../nas/data/open.ts';
import { Tally } from '../nas/evaluation/score.ts';

// npm run bench:precision -- --supernet FILE [--json --space S --groups K --subnets 200 --images 500,2500,10000 --run RUN]:
// whether bf16 ranks subnets of a trained Fashion-MNIST supernet as float32 does, and what ties and the number of test
// images do to that; and whether walked as a tree subnets score as each does alone, by plain convolutions. Of a run of
// pipelines/fashion-precision.yml also what training in bf16 does to tau, seed by seed: what `nas compare RUN --by precision` says.

const GOAL = 0.97;
const BATCH = 500;
const { values: options } = parseArgs({
  options: {
    supernet: { type: 'string' },
    space: { type: 'string', default: 'fashion' },
    groups: { type: 'string', default: '1' },
    subnets: { type: 'string', default: '200' },
    /** Numbers of test images, ascending. */
    images: { type: 'string', default: '500,2500,10000' },
    run: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
if (options.supernet === undefined) {
  console.error('bench:precision: expected --supernet FILE, got none; a run leaves them in results/<run>/one-shot/');
  process.exit(2);
}
const file = options.supernet;
const space = spaceNamed(options.space);
const subnets = sampledSubnets(space, { count: Number(options.subnets), seed: 0, way: 'random' }).map(
  ({ subnet }) => subnet,
);
const config = join(root, 'configs', 'datasets', 'fashion.yml');
const dataset = await openDataset(DatasetConfig.parse(load(readFileSync(config, 'utf8'))));
const calibration = await collect(plainBatches(dataset, dataset.part('calibration'), { batchSize: BATCH }));
const sizes = options.images.split(',').map(Number);
const test = await collect(plainBatches(dataset, dataset.part('test'), { batchSize: BATCH, limit: sizes.at(-1)! }));

const equality = await againstOneByOne(sizes[0]!);
const scores = { float32: await scored('float32'), bf16: await scored('bf16') };
const most = scores.float32.at(-1)!;
const cases = sizes.map((images, index) => {
  const [float32, bf16] = [scores.float32[index]!, scores.bf16[index]!];
  const { estimate, low, high } = bootstrapInterval(kendallTau, float32.top1, bf16.top1, { seed: 0, samples: 500 });
  return {
    images,
    subnets: subnets.length,
    tau: estimate,
    interval: [low, high],
    goal: GOAL,
    reached: estimate >= GOAL,
    tau_of_cross_entropy: kendallTau(float32.crossEntropy, bf16.crossEntropy),
    /** Share of the pairs that count the same right answers. */
    ties: { float32: tiedPairs(float32.top1), bf16: tiedPairs(bf16.top1) },
    /** What the number of images alone does: float32 against float32 on all of them. */
    tau_float32_with_most_images: kendallTau(float32.top1, most.top1),
    largest_accuracy_difference:
      Math.max(...float32.top1.map((count, subnet) => Math.abs(count - bf16.top1[subnet]!))) / images,
  };
});
const trained =
  options.run === undefined ? null : await compareArms(await stagesNamed(resultsRoot(), options.run), 'precision');
if (options.json) {
  const device = cpus()[0]?.model.trim();
  console.log(JSON.stringify({ bench: 'precision', device, supernet: file, equality, cases, trained }));
} else {
  if (trained !== null) console.log(armsText(trained));
  console.log(
    `${equality.subnets} subnets on ${equality.images} images, tree against one by one in float32: ${equality.different_counts} counts differ, ` +
      `cross-entropies by ${equality.largest_cross_entropy_difference.toExponential(1)} at most`,
  );
  for (const one of cases) {
    console.log(
      `${one.subnets} subnets on ${one.images} images: tau of bf16 with float32 ${one.tau.toFixed(4)} ` +
        `(${one.interval.map((bound) => bound.toFixed(4)).join(' to ')}; goal ${GOAL}: ${one.reached ? 'reached' : 'missed'}), ` +
        `by cross-entropy ${one.tau_of_cross_entropy.toFixed(4)}; tied pairs ${(100 * one.ties.float32).toFixed(1)} % and ${(100 * one.ties.bf16).toFixed(1)} %; ` +
        `float32 with itself on ${sizes.at(-1)} images ${one.tau_float32_with_most_images.toFixed(4)}; ` +
        `accuracies differ by ${(100 * one.largest_accuracy_difference).toFixed(2)} % at most`,
    );
  }
}

/** The tree walk against every subnet alone, in float32. */
async function againstOneByOne(images: number) {
  const net = loadSupernet(file, { space, classes: dataset.classes, groups: Number(options.groups) });
  const tested = test.slice(0, Math.ceil(images / BATCH));
  const walked = await evaluateSubnets(net, subnets, { calibration, test: tested });
  if (walked === 'stopped') throw new Error('evaluation: expected scores, got stopped');
  const alone = subnets.map((subnet) => {
    const tally = new Tally();
    const logits = referenceLogits(net, subnet, calibration, tested);
    for (const [batch, { labels }] of tested.entries()) tally.add(logits[batch]!, labels);
    return tally.score();
  });
  net.dispose();
  const differences = walked.map((score, subnet) => Math.abs(score.crossEntropy - alone[subnet]!.crossEntropy));
  return {
    subnets: subnets.length,
    images,
    different_counts: walked.filter(({ top1, top5 }, i) => top1 !== alone[i]!.top1 || top5 !== alone[i]!.top5).length,
    largest_cross_entropy_difference: Math.max(...differences),
  };
}

/** Scores of the subnets on the first images, as many as each of the sizes says. */
async function scored(precision: 'float32' | 'bf16') {
  const { classes } = dataset;
  const net = loadSupernet(file, { space, classes, groups: Number(options.groups), precision });
  const results = [];
  for (const images of sizes) {
    const result = await evaluateSubnets(net, subnets, { calibration, test: test.slice(0, Math.ceil(images / BATCH)) });
    if (result === 'stopped') throw new Error('evaluation: expected scores, got stopped');
    results.push({
      top1: result.map(({ top1 }) => top1),
      crossEntropy: result.map(({ crossEntropy }) => crossEntropy),
    });
  }
  net.dispose();
  return results;
}

async function collect(batches: AsyncIterable<Batch>): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

function tiedPairs(values: readonly number[]): number {
  let tied = 0;
  for (const [index, value] of values.entries()) {
    for (const other of values.slice(index + 1)) if (other === value) tied++;
  }
  return tied / ((values.length * (values.length - 1)) / 2);
}
