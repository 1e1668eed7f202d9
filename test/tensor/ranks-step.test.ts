import { expect, test } from 'vitest';
import { randomOf } from '../../nas/space/random.ts';
import { add } from '../../nas/supernet/ops.ts';
import { alone } from '../../nas/supernet/ranks.ts';
import type { Ranks } from '../../nas/supernet/ranks.ts';
import { Supernet } from '../../nas/supernet/supernet.ts';
import { rankLossOf } from '../../nas/training/rank-loss.ts';
import { sandwich } from '../../nas/training/sandwich.ts';
import { Sgd } from '../../nas/training/sgd.ts';
import { trainStep } from '../../nas/training/step.ts';
import type { StepOptions } from '../../nas/training/step.ts';
import { tinySupernet } from '../support/training-configs.ts';

// A step of two ranks, of which the other one has the same images: all sums are twice those of one, to the bit.
const twins: Ranks = { ...alone, size: 2, gather: (row) => [[...row], [...row]], sum: (x) => add(x, x) };

const config = tinySupernet({ rank_loss: { by: 'macs', weight: 1, rise_epochs: 0 } });

function batchOf(size: number) {
  const random = randomOf(1, 'images');
  const labels = Int32Array.from({ length: size }, () => random.integer(10));
  return { images: Float32Array.from({ length: size * 28 * 28 }, () => random.normal()), labels, indices: labels };
}

function trained(ranks: Ranks, withRankLoss: boolean) {
  const net = Supernet.build({ space: config.space, classes: 10, groups: 1, seed: 3 });
  const nets = sandwich(config, 0);
  const { priorOf } = rankLossOf(config)!;
  const options: StepOptions = {
    iteration: 0,
    seed: 0,
    rate: 0.05,
    labelSmoothing: 0.1,
    distill: true,
    regularisation: { dropout: 0, dropConnect: 0, onlyLastTwoStages: false },
    rankLoss: withRankLoss ? { priors: nets.map(({ subnet }) => priorOf(subnet)), weight: 1 } : null,
    ranks,
  };
  const step = trainStep(net, new Sgd(net.parameters, config), batchOf(8), nets, options);
  const values = [...net.parameters].map((parameter) => [...parameter.read()]);
  net.dispose();
  return { ...step, values };
}

test('two ranks with the same images move the weights as one does, and count all images', () => {
  const [one, two] = [alone, twins].map((ranks) => trained(ranks, false));
  expect(two!.values).toEqual(one!.values);
  expect(two!.losses).toEqual(one!.losses);
  expect([one!.images, two!.images]).toEqual([8, 16]);
  expect([two!.top1, two!.top5]).toEqual([2 * one!.top1, 2 * one!.top5]);
});

test('which nets a rank loss pulls at is decided by the losses on the images of all ranks', () => {
  const [one, two] = [alone, twins].map((ranks) => trained(ranks, true));
  expect(one!.values).not.toEqual(trained(alone, false).values);
  expect(two!.values).toEqual(one!.values);
  // On the other rank's images the nets stand in the opposite order, and further apart.
  const opposite: Ranks = {
    ...twins,
    gather: (row) => [[...row], row.length === 1 ? [...row] : row.map((loss) => -100 * loss)],
  };
  expect(trained(opposite, true).values).not.toEqual(one!.values);
});

test('a rank without images is refused before anything is computed', () => {
  const empty: Ranks = { ...twins, gather: (row) => [[...row], [0]] };
  expect(() => trained(empty, false)).toThrow(
    'batch: expected images for each of 2 ranks, got none for rank 1; see how many images of the data set are broken, or set fewer ranks',
  );
});
