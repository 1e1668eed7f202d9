import { expect, test } from 'vitest';
import { loadPipeline } from '../../pipelines/compile.ts';
import { problemsOf } from '../support/pipelines.ts';

const stage = (name: string, keys: string): string => `
  ${name}:
    uses: evaluate-subnets
    needs: one-shot
    with: { supernet: "\${{ stages.one-shot.selected }}", batch_size: 500, ${keys} }`;

/** A pipeline that evaluates twice, each time as told. */
function twice(first: string, second: string): string {
  return `name: p
config: [common.yml, train_supernet_models.yml, fashion.yml]
stages:
  one-shot: { uses: train-supernet, with: { ground_truth: configs/ground-truth/fashion.json } }${stage('a', first)}${stage('b', second)}
`;
}

const list = (seed: number): string => `subnets: { sample: { count: 50, seed: ${seed}, way: random } }`;
const whole = (seed: number): string => `${list(seed)}, part: 1, parts: 1`;
const half = (part: number): string => `${list(1)}, part: ${part}, parts: 2, test_set: 1`;

test('two lists on one supernet and test set are refused, for their files would meet', () => {
  expect(problemsOf(twice(`${whole(1)}, test_set: 1`, `${whole(2)}, test_set: 1`))).toEqual([
    'p.yml:9:3: stages.b: expected one set of subnets on a supernet and test set, got another than a ranks there: ' +
      'their files would meet; put all into one list, or these into a run of their own',
  ]);
  expect(problemsOf(twice(`${whole(1)}, test_set: 1`, `${whole(1)}, test_set: 1, budget: 30`))).toHaveLength(1);
});

test('two test sets, or two parts of one list, are no conflict', () => {
  expect(problemsOf(twice(`${whole(1)}, test_set: 1`, `${whole(2)}, test_set: 0`))).toEqual([]);
  expect(problemsOf(twice(half(1), half(2)))).toEqual([]);
});

test('cells that rank different lists are refused, those that share one list out are not', () => {
  const cells = `name: p
config: [common.yml, train_supernet_models.yml, fashion.yml]
stages:
  one-shot: { uses: train-supernet, with: { ground_truth: configs/ground-truth/fashion.json } }
  rank:
    uses: evaluate-subnets
    needs: one-shot
    matrix: { seed: [1, 2] }
    with:
      supernet: "\${{ stages.one-shot.selected }}"
      subnets: { sample: { count: 50, seed: "\${{ matrix.seed }}", way: random } }
      part: 1
      parts: 1
      test_set: 1
      batch_size: 500
`;
  expect(problemsOf(cells)).toEqual([
    expect.stringContaining(
      'stages.rank: expected one set of subnets on a supernet and test set, got another than rank.1',
    ),
  ]);
  expect(loadPipeline('pipelines/quickstart.yml').stages.find(({ id }) => id === 'evaluate')?.matrix).toHaveLength(8);
});
