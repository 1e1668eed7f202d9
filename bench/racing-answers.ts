import { load } from 'js-yaml';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';
import { spaceNamed } from './train-task.ts';
import { sha256Of } from '../artifacts/files.ts';
import { DatasetConfig } from '../configs/dataset-schema.ts';
import { openDataset } from '../nas/data/open.ts';
import { readGroundTruth } from '../nas/evaluation/ground-truth.ts';
import type { GroundTruth } from '../nas/evaluation/ground-truth.ts';
import type { Score } from '../nas/evaluation/score.ts';
import { sampledSubnets } from '../nas/evaluation/subnet-set.ts';
import { randomOf } from '../nas/space/random.ts';
import type { Space, Subnet } from '../nas/space/space.ts';
import { parseSubnetList } from '../nas/space/subnet-list.ts';
import { root } from '../runtime/layout.ts';

// What races are run on: how many of the first images, and how many of the rest, each of many subnets has right.

/** Subnets with their answers, and those whose accuracy is known otherwise. */
export interface Answered {
  readonly space: Space;
  readonly subnets: readonly Subnet[];
  readonly images: number;
  /** Images that BN statistics of a subnet are gathered on. */
  readonly calibration: number;
  /** By subnet. */
  readonly answers: readonly Answers[];
  readonly truths: readonly {
    readonly name: string;
    readonly subnets: readonly number[];
    readonly accuracies: Float64Array;
    /** Null where only accuracies are known. */
    readonly truth: GroundTruth | null;
  }[];
}

const Both = z.tuple([z.number(), z.number()]);
/** To the first images, and to the rest. */
const Answers = z.object({
  /** How many are right. */
  right: Both,
  /** Mean cross-entropies; null where answers are only right or wrong. */
  loss: Both.nullable(),
});
type Answers = z.infer<typeof Answers>;

const CALIBRATION = { part: 'calibration', batches: 4, batch_size: 250 } as const;
/** Subnets tested at once, and kept. */
const CHUNK = 100;

/**
 * Answers of a trained Fashion-MNIST supernet, to subnets of the ground truths and to random ones.
 * @param share of the images that are the first
 * @param known a file with answers of an earlier call with that share, which gets those that it does not have
 */
export async function answersOfSupernet(
  file: string,
  {
    groups,
    count,
    share,
    known,
  }: {
    readonly groups: number;
    readonly count: number;
    readonly share: number;
    readonly known: string | undefined;
  },
): Promise<Answered> {
  const space = spaceNamed('fashion');
  const config = join(root, 'configs', 'datasets', 'fashion.yml');
  const dataset = await openDataset(DatasetConfig.parse(load(readFileSync(config, 'utf8'))));
  const subnets: Subnet[] = [];
  const truths = [];
  for (const name of ['fashion', 'fashion-bench']) {
    const source = `configs/ground-truth/${name}.json`;
    const truth = await readGroundTruth(space, { file: source, sha256: sha256Of(readFileSync(join(root, source))) });
    const positions = truth.subnets.map((_, at) => subnets.length + at);
    truths.push({ name, subnets: positions, accuracies: truth.accuracies, truth });
    subnets.push(...truth.subnets);
  }
  subnets.push(...sampledSubnets(space, { count, seed: 0, way: 'random' }).map(({ subnet }) => subnet));

  const images = dataset.part('test').size;
  const every = Int32Array.from({ length: images }, (_, image) => image);
  const halves = [every.subarray(0, Math.ceil(share * images)), every.subarray(Math.ceil(share * images))];
  const answers = known !== undefined && existsSync(known) ? readAnswers(known).slice(0, subnets.length) : [];
  if (answers.length < subnets.length) {
    const [{ testSubnets }, { loadSupernet }] = await Promise.all([
      import('../nas/evaluation/evaluate.ts'),
      import('../nas/supernet/weights.ts'),
    ]);
    const net = loadSupernet(file, { space, classes: dataset.classes, groups });
    const watch = { onProgress: () => {}, shouldStop: () => false };
    while (answers.length < subnets.length) {
      const some = subnets.slice(answers.length, answers.length + CHUNK);
      const found: Score[][] = [];
      for (const positions of halves) {
        const test = { part: 'test', batch_size: 500, positions } as const;
        const scores = await testSubnets(net, some, dataset, { calibration: CALIBRATION, test }, watch);
        if (scores === 'stopped') throw new Error('evaluation: expected scores, got stopped');
        found.push(scores);
      }
      const [first, rest] = found;
      answers.push(
        ...some.map((_, at): Answers => ({
          right: [first![at]!.top1, rest![at]!.top1],
          loss: [first![at]!.crossEntropy, rest![at]!.crossEntropy],
        })),
      );
      if (known !== undefined) writeFileSync(known, JSON.stringify(answers));
    }
    net.dispose();
  }
  const calibration = CALIBRATION.batches * CALIBRATION.batch_size;
  return { space, subnets, images, calibration, answers, truths };
}

function readAnswers(file: string): Answers[] {
  return z.array(Answers).parse(JSON.parse(readFileSync(file, 'utf8')));
}

const IMAGES = 50_000;
const IMAGENET_CALIBRATION = 64 * 128;
/** Spread of how easy images are, in logits: two subnets of the same accuracy of .7 then differ on a fifth of them. */
const SPREAD = 2.5;

/**
 * Made-up answers of subnets of the competition, by Rasch's model (1960): the odds of a right answer are those of the subnet times
 * those of the image. Each subnet's are such that it is expected to have the accuracy of the table.
 * @param file real accuracies of a supernet, {"archN": top-1 in percent}, as JSON or .json.gz
 */
export function answersOfTable(
  file: string,
  { count, share }: { readonly count: number; readonly share: number },
): Answered {
  const space = spaceNamed('imagenet');
  const list = 'configs/subnets/cvpr2022-track1.txt';
  const bytes = readFileSync(file);
  const table = z
    .record(z.string(), z.number())
    .parse(JSON.parse((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()));
  const scored = parseSubnetList(space, readFileSync(join(root, list), 'utf8'), list).filter(({ id }) => id in table);
  const random = randomOf(0, 'answers');
  const some = Array.from(random.shuffle(scored.length).subarray(0, count), (position) => scored[position]!);
  const accuracies = Float64Array.from(some, ({ id }) => table[id]!);
  const easy = Float64Array.from({ length: IMAGES }, () => SPREAD * random.normal());
  const answers = some.map((_, at): Answers => {
    const able = abilityFor(accuracies[at]! / 100, easy);
    const right = [0, 0] as [number, number];
    for (const [image, ease] of easy.entries()) {
      if (random.uniform() < chance(able + ease)) right[image < Math.ceil(share * IMAGES) ? 0 : 1]++;
    }
    return { right, loss: null };
  });
  const subnets = some.map(({ subnet }) => subnet);
  const truths = [{ name: 'the table', subnets: [...subnets.keys()], accuracies, truth: null }];
  return { space, subnets, images: IMAGES, calibration: IMAGENET_CALIBRATION, answers, truths };
}

function chance(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** By bisection, over every fiftieth image. */
function abilityFor(accuracy: number, easy: Float64Array): number {
  const some = easy.filter((_, image) => image % 50 === 0);
  let [low, high] = [-10, 10];
  while (high - low > 1e-4) {
    const middle = (low + high) / 2;
    const expected = some.reduce((sum, ease) => sum + chance(middle + ease), 0) / some.length;
    if (expected < accuracy) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
