import { expect, test } from 'vitest';
import { differences } from '../../cli/start.ts';

const plan = (stages: object[], params: object = {}): object => ({ version: 1, name: 'p', params, stages });

test('a plan does not differ from itself', () => {
  expect(differences(plan([{ id: 'a', needs: [] }]), plan([{ id: 'a', needs: [] }]))).toEqual([]);
});

test('values that differ are named by stage and key, with what each side has', () => {
  const here = plan(
    [
      { id: 'a', with: { epochs: 3 } },
      { id: 'b', needs: ['a'] },
    ],
    { epochs: 3 },
  );
  const inRun = plan([
    { id: 'b', needs: ['a'] },
    { id: 'a', with: { epochs: 5, seed: 1 } },
  ]);
  expect(differences(here, inRun)).toEqual([
    'params.epochs: 3 here, absent in the run',
    'stages.a.with.epochs: 3 here, 5 in the run',
    'stages.a.with.seed: absent here, 1 in the run',
  ]);
});

test('of many differences ten are shown and the rest counted', () => {
  const params = Object.fromEntries(Array.from({ length: 14 }, (_, index) => [`p${index}`, index]));
  expect(differences(plan([], params), plan([])).at(-1)).toBe('and 4 more');
});
