import { expect, test } from 'vitest';
import { Tally } from '../../nas/evaluation/score.ts';
import { randomOf } from '../../nas/space/random.ts';

const CLASSES = 8;

function scoreOf(logits: number[][], labels: number[]) {
  const tally = new Tally();
  tally.add(Float32Array.from(logits.flat()), Int32Array.from(labels));
  return tally.score();
}

test('an image counts where its class is the first, or among the first five', () => {
  const logits = [8, 7, 6, 5, 4, 3, 2, 1];
  for (const label of logits.keys()) {
    expect(scoreOf([logits], [label])).toMatchObject({ top1: label < 1 ? 1 : 0, top5: label < 5 ? 1 : 0, images: 1 });
  }
});

test('of classes that are equally likely the first one counts as the larger', () => {
  const equal = Array.from({ length: CLASSES }, () => 1);
  expect([0, 1, 4, 5].map((label) => scoreOf([equal], [label])).map(({ top1, top5 }) => [top1, top5])).toEqual([
    [1, 1],
    [0, 1],
    [0, 1],
    [0, 0],
  ]);
});

test('what is no number is never right', () => {
  const broken = Array.from({ length: CLASSES }, () => NaN);
  expect(scoreOf([broken], [0])).toEqual({ top1: 0, top5: 0, images: 1, crossEntropy: NaN });
  expect(scoreOf([[1, NaN, NaN, NaN, NaN, NaN, 0, 0]], [0])).toMatchObject({ top1: 0, top5: 0 });
});

test('counts are those of all batches, and the cross-entropy is the mean of the images', () => {
  const random = randomOf(1, 'logits');
  const logits = Array.from({ length: 40 }, () =>
    Array.from({ length: CLASSES }, () => Math.fround(3 * random.normal())),
  );
  const labels = logits.map(() => random.integer(CLASSES));
  const tally = new Tally();
  for (let from = 0; from < 40; from += 15) {
    const batch = logits.slice(from, from + 15);
    tally.add(Float32Array.from(batch.flat()), Int32Array.from(labels.slice(from, from + 15)));
  }
  const ranks = logits.map((row, at) => row.filter((one) => one > row[labels[at]!]!).length);
  const losses = logits.map((row, at) => {
    const sum = row.reduce((all, one) => all + Math.exp(one), 0);
    return Math.log(sum) - row[labels[at]!]!;
  });
  expect(tally.score()).toEqual({
    top1: ranks.filter((rank) => rank < 1).length,
    top5: ranks.filter((rank) => rank < 5).length,
    images: 40,
    crossEntropy: expect.closeTo(losses.reduce((sum, loss) => sum + loss, 0) / 40, 9),
  });
});
