import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { childIdOf } from '../../plan/names.ts';
import { reuseByStage, reuseOfChild } from '../../plan/reuse.ts';
import type { Reuse } from '../../plan/reuse.ts';
import { planOf } from '../support/pipeline-server.ts';
import type { Plan } from '../../plan/plan.ts';

function plan(needs: readonly (readonly number[])[], first: number): Plan {
  const stages = needs.map((list, at) => ({ id: `s${at}`, uses: 'echo', needs: list.map((need) => `s${need}`) }));
  return { ...planOf(...stages), reuse: { run: 'old', stage: `s${first}` } };
}

/** As it is defined: every path is walked. */
function slowly({ stages }: Plan, id: string, first: string): Reuse {
  const isBefore = (earlier: string, later: string): boolean =>
    (stages.find((stage) => stage.id === later)?.needs ?? []).some(
      (need) => need === earlier || isBefore(earlier, need),
    );
  if (isBefore(id, first)) return { run: 'old' };
  return id === first || isBefore(first, id) ? 'nothing' : 'anything';
}

/** Each stage needs some of those before it. */
const graph = fc
  .integer({ min: 1, max: 9 })
  .chain((count) =>
    fc.tuple(
      fc.tuple(...Array.from({ length: count }, (_, at) => fc.subarray([...Array(at).keys()]))),
      fc.nat(count - 1),
    ),
  );

test('a run takes over what comes before a stage, makes that stage and what needs it anew, and is free in the rest', () => {
  fc.assert(
    fc.property(graph, ([needs, first]) => {
      const made = plan(needs, first);
      const reuseOf = reuseByStage(made);
      for (const { id } of made.stages) expect(reuseOf(id)).toEqual(slowly(made, id, `s${first}`));
    }),
    { numRuns: 500 },
  );
});

test('two thousand stages in diamonds are looked at once each', () => {
  // Each level of two needs both of the level before: along all 2^1000 paths it would never end.
  const needs = Array.from({ length: 2000 }, (_, at) => {
    const above = 2 * (Math.floor(at / 2) - 1);
    return above < 0 ? [] : [above, above + 1];
  });
  const made = plan(needs, 1000);
  const reuseOf = reuseByStage(made);
  const counts = new Map<string, number>();
  for (const { id } of made.stages) {
    const reuse = JSON.stringify(reuseOf(id));
    counts.set(reuse, (counts.get(reuse) ?? 0) + 1);
  }
  expect(Object.fromEntries(counts)).toEqual({ '{"run":"old"}': 1000, '"nothing"': 999, '"anything"': 1 });
});

test('a sub-pipeline takes over from the run of the same stage, and where nothing is said it is free', () => {
  expect(reuseOfChild({ run: 'old' }, (run) => childIdOf(run, 'sub'))).toEqual({ run: 'old.sub', stage: null });
  expect(reuseOfChild('nothing', (run) => childIdOf(run, 'sub'))).toBe('nothing');
  expect(reuseOfChild('anything', (run) => childIdOf(run, 'sub'))).toBeUndefined();
  expect(reuseByStage({ ...plan([[]], 0), reuse: { run: 'old.sub', stage: null } })('s0')).toEqual({ run: 'old.sub' });
});

test('a run that says nothing of reuse may take over any work, and one that forbids it none', () => {
  const { reuse: _, ...free } = plan([[]], 0);
  expect(reuseByStage(free)('s0')).toBe('anything');
  expect(reuseByStage({ ...free, reuse: 'nothing' })('s0')).toBe('nothing');
});
