import { load } from 'js-yaml';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { spaceNamed } from './train-task.ts';
import { DatasetConfig } from '../configs/dataset-schema.ts';
import { kendallTau } from '../nas/evaluation/correlation.ts';
import { testSubnets } from '../nas/evaluation/evaluate.ts';
import { readGroundTruth } from '../nas/evaluation/ground-truth.ts';
import { nextHeat, raceOf, resultsOf } from '../nas/evaluation/racing/race.ts';
import { sampledSubnets } from '../nas/evaluation/subnet-set.ts';
import { loadSupernet } from '../nas/supernet/weights.ts';
import { root } from '../runtime/layout.ts';
import { openDataset } from '../nas/data/open.ts';
import { sha256Of } from '../artifacts/files.ts';
import { isRight } from '../nas/evaluation/score.ts';
import type { Score } from '../nas/evaluation/score.ts';

// npm run bench:racing -- --supernet FILE [--groups K --subnets 2000 --pilots 50 --share 0.2 --top 100 --answers FILE --json]:
// what a race costs in agreement and saves in images, on a trained Fashion-MNIST supernet. Every subnet is tested on all
// images once, answer by answer (kept in --answers); races are then run on those answers.

const { values: options } = parseArgs({
  options: {
    supernet: { type: 'string' },
    groups: { type: 'string', default: '1' },
    subnets: { type: 'string', default: '2000' },
    pilots: { type: 'string', default: '50' },
    share: { type: 'string', default: '0.2' },
    top: { type: 'string', default: '100' },
    answers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
if (options.supernet === undefined) {
  console.error('bench:racing: expected --supernet FILE, got none; a run leaves them in results/<run>/one-shot/');
  process.exit(2);
}
const file = options.supernet;
/** Subnets tested at once, and kept. */
const CHUNK = 100;
const CALIBRATION = { part: 'calibration', batches: 4, batch_size: 250 } as const;
const space = spaceNamed('fashion');
const truths = await Promise.all(
  ['fashion', 'fashion-bench'].map(async (name) => {
    const source = `configs/ground-truth/${name}.json`;
    const truth = await readGroundTruth(space, { file: source, sha256: sha256Of(readFileSync(join(root, source))) });
    return { name, ...truth };
  }),
);
const sampled = sampledSubnets(space, { count: Number(options.subnets), seed: 0, way: 'random' });
const subnets = [...truths.flatMap((truth) => truth.subnets), ...sampled.map(({ subnet }) => subnet)];
const dataset = await openDataset(
  DatasetConfig.parse(load(readFileSync(join(root, 'configs', 'datasets', 'fashion.yml'), 'utf8'))),
);
const images = dataset.part('test').size;
const answers = await knownAnswers();
const result = raced();
console.log(options.json ? JSON.stringify(result) : textOf(result));

/** Which images each subnet has right: from the file, and from the supernet for those that the file does not have yet. */
async function knownAnswers(): Promise<Uint8Array[]> {
  const known = options.answers;
  const texts =
    known !== undefined && existsSync(known) ? z.array(z.base64()).parse(JSON.parse(readFileSync(known, 'utf8'))) : [];
  const right: Uint8Array[] = texts.slice(0, subnets.length).map((text) => new Uint8Array(Buffer.from(text, 'base64')));
  if (right.length === subnets.length) return right;
  const net = loadSupernet(file, { space, classes: dataset.classes, groups: Number(options.groups) });
  const test = { part: 'test', batch_size: 500, noted: true } as const;
  const watch = { onProgress: () => {}, shouldStop: () => false };
  while (right.length < subnets.length) {
    const some = subnets.slice(right.length, right.length + CHUNK);
    const scores = await testSubnets(net, some, dataset, { calibration: CALIBRATION, test }, watch);
    if (scores === 'stopped') throw new Error('evaluation: expected scores, got stopped');
    right.push(...scores.map((score) => score.right!));
    if (known === undefined) continue;
    writeFileSync(known, JSON.stringify(right.map((bits) => Buffer.from(bits).toString('base64'))));
  }
  net.dispose();
  return right;
}

/** What a test on some images would say. */
function scoreOn(subnet: number, some: Int32Array): Score {
  const bits = answers[subnet]!;
  const top1 = some.reduce((sum, image) => sum + Number(isRight(bits, image)), 0);
  return { top1, top5: top1, images: some.length, crossEntropy: 0, right: bits };
}

function raced() {
  const racing = { pilots: Number(options.pilots), share: Number(options.share), top: Number(options.top) };
  const race = raceOf({ space, racing }, subnets, images);
  const all = Int32Array.from({ length: images }, (_, image) => image);
  const scores: Score[] = [];
  const spent = { tested: 0, calibrated: 0 };
  const heats: number[] = [];
  for (let heat = nextHeat(race, scores); heat !== null; heat = nextHeat(race, scores)) {
    const some = heat.images ?? all;
    heats.push(heat.subnets.length);
    spent.tested += heat.subnets.length * some.length;
    spent.calibrated += heat.subnets.length * CALIBRATION.batches * CALIBRATION.batch_size;
    scores.push(...heat.subnets.map((subnet) => scoreOn(subnet, some)));
  }
  const found = resultsOf(race, scores);
  const estimated = found.map(({ top1, images: of }) => top1 / of);
  const full = subnets.map((_, subnet) => scoreOn(subnet, all).top1 / images);
  const errors = found.flatMap((one, subnet) =>
    'error' in one && one.error > 0 ? [{ by: estimated[subnet]! - full[subnet]!, error: one.error }] : [],
  );
  const best = (shares: readonly number[]): number[] =>
    [...shares.keys()].toSorted((a, b) => shares[b]! - shares[a]! || a - b).slice(0, racing.top);
  const same = new Set(best(full));
  const uniform = subnets.map(
    (_, subnet) => scoreOn(subnet, all.subarray(0, Math.round(spent.tested / subnets.length))).top1,
  );
  let from = 0;
  return {
    bench: 'racing',
    device: cpus()[0]?.model.trim(),
    subnets: subnets.length,
    images,
    racing,
    heats,
    /** Of what testing every subnet on all images takes; the second with the images that statistics are gathered on. */
    tested: spent.tested / (subnets.length * images),
    passed:
      (spent.tested + spent.calibrated) / (subnets.length * (images + CALIBRATION.batches * CALIBRATION.batch_size)),
    same_best: best(estimated).filter((subnet) => same.has(subnet)).length,
    /** The same number of images for every subnet, the first of the part. */
    same_best_by_first_images: best(uniform).filter((subnet) => same.has(subnet)).length,
    tau_with_full: kendallTau(full, estimated),
    tau_with_full_by_first_images: kendallTau(full, uniform),
    /** Root of the mean squared error of the estimates, and what they say of themselves. */
    error: Math.sqrt(errors.reduce((sum, { by }) => sum + by ** 2, 0) / errors.length),
    claimed: Math.sqrt(errors.reduce((sum, { error }) => sum + error ** 2, 0) / errors.length),
    truths: truths.map(({ name, accuracies }) => {
      const own = [...accuracies.keys()].map((at) => from + at);
      from += accuracies.length;
      const tau = (of: readonly number[]): number =>
        kendallTau(
          accuracies,
          own.map((at) => of[at]!),
        );
      return {
        name,
        subnets: accuracies.length,
        tau: tau(full),
        tau_raced: tau(estimated),
        tau_by_first_images: tau(uniform),
      };
    }),
  };
}

function textOf(one: ReturnType<typeof raced>): string {
  return JSON.stringify(one, null, 1);
}
