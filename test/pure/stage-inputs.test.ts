import { expect, test } from 'vitest';
import { childPlanOf, inputOf, isSettable, outputsOf, settable } from '../../plan/inputs.ts';
import type { Plan } from '../../plan/plan.ts';
import { planOf } from '../support/pipeline-server.ts';

const base = planOf({
  id: 'rank',
  uses: 'echo',
  directory: 'rank/${{ matrix.part }}',
  matrix: [{ part: 1 }, { part: 2 }],
  with: {
    from: '${{ stages.train.selected }}',
    part: '${{ matrix.part }}',
    k: '${{ params.k }}',
    deep: { a: 1, b: 2 },
  },
});
const plan: Plan = { ...base, id: 'run', params: { k: 3 } };
const [stage] = plan.stages;
const cell = { id: 'rank.2', values: { part: 2 } };
const outputs = { train: { selected: { file: 'f' } } };

test('a cell gets the values of its references, and what an operator set over them', () => {
  const input = inputOf(plan, stage!, cell, outputs, { reuse: 'anything' });
  expect(input).toStrictEqual({
    stage: 'rank.2',
    uses: 'echo',
    directory: 'run/rank/2',
    round: 1,
    with: { from: { file: 'f' }, part: 2, k: 3, deep: { a: 1, b: 2 } },
    reuse: 'anything',
    retry: stage!.retry,
    origin: { pipeline: 'pipelines/test.yml', params: { k: 3 }, set: [] },
  });
  const kept: Plan = { ...plan, set: ['k=3'], keep: ['epochs'] };
  const again = inputOf(kept, stage!, cell, outputs, { reuse: 'nothing', round: 2, set: { 'deep.a': 5, k: 4 } });
  expect(again).toMatchObject({ round: 2, reuse: 'nothing', with: { k: 4, deep: { a: 5, b: 2 } } });
  expect(again.origin).toEqual({ pipeline: 'pipelines/test.yml', params: { k: 3 }, set: ['k=3'], keep: ['epochs'] });
});

test('a plan whose folder is no text, or whose config is no map, is a mistake of the program', () => {
  const wrong: [changes: object, message: string][] = [
    [{ directory: '${{ params.k }}' }, 'directory: expected text, got 3'],
    [{ with: [] }, 'with: expected a map, got []'],
  ];
  for (const [changes, message] of wrong)
    expect(() => inputOf(plan, { ...stage!, ...changes }, cell, outputs, { reuse: 'anything' })).toThrow(message);
});

test('a sub-pipeline gets its params from the stage, and from its parent what it does not say itself', () => {
  const child: Plan = { ...base, id: 'file', params: { k: '${{ params.k }}', n: '${{ matrix.part }}' } };
  const of = (parent: Partial<Plan>, own: Partial<Plan>, asked = {}): Plan =>
    childPlanOf({ ...plan, ...parent }, { ...child, ...own }, cell, outputs, { reuse: 'anything', ...asked });
  expect(of({}, {})).toStrictEqual({ ...child, id: 'run.rank.2', params: { k: 3, n: 2 } });
  expect(of({}, {}, { set: { 'params.k': 7 } }).params).toEqual({ k: 7, n: 2 });
  expect(() => of({}, {}, { set: { params: 7 } })).toThrow('params: expected a map, got 7');

  const told = { notify: [{ on: ['done'], webhook: 'W' }], priority: { priorityKey: 1 }, keep: ['epochs'] } as const;
  const other = { notify: [], priority: { priorityKey: 5 }, keep: ['set-aside'] } as const;
  expect(of(told, {})).toMatchObject(told);
  expect(of(told, other)).toMatchObject(other);
  expect(of({}, {}, { reuse: { run: 'old' } }).reuse).toEqual({ run: 'old.rank.2', stage: null });
  expect(of({}, {}, { reuse: 'nothing' }).reuse).toBe('nothing');
});

test('what a stage gives is a value, of a matrix a list in the order of its cells, and nothing where all gave nothing', () => {
  const one = { ...stage!, matrix: null };
  expect(outputsOf(one, [{ file: 'f' }])).toEqual({ file: 'f' });
  expect(outputsOf(one, [null])).toBeNull();
  expect(outputsOf(one, [])).toBeNull();
  expect(outputsOf(stage!, [{ a: 1 }, null, { a: 2, b: 3 }])).toEqual({ a: [1, null, 2], b: [null, null, 3] });
  expect(outputsOf(stage!, [null, null])).toBeNull();
});

test('what is there already can be set anew: keys of the config, of a sub-pipeline its params', () => {
  expect(['k', 'deep', 'deep.b'].every((key) => isSettable(stage!, key))).toBe(true);
  expect(['other', 'deep.c', 'params.k'].some((key) => isSettable(stage!, key))).toBe(false);
  const sub = { ...stage!, plan };
  expect(settable(sub)).toEqual({ params: { k: 3 } });
  expect(isSettable(sub, 'params.k')).toBe(true);
  expect(isSettable(sub, 'k')).toBe(false);
});
