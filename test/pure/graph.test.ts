import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { graphOf } from '../../pipelines/graph.ts';
import { problemsOf } from '../support/pipelines.ts';

/** Any needs among a few stages, in cycles or not, and of stages that there are not. */
const needs = fc.integer({ min: 1, max: 7 }).chain((count) => {
  const ids = Array.from({ length: count }, (_, at) => `s${at}`);
  const list = fc.subarray([...ids, 'nobody']);
  return fc.tuple(...ids.map(() => list)).map((lists) => new Map(ids.map((id, at) => [id, lists[at]!])));
});

test('stages are ordered behind all that they need, and every stage on no cycle and behind none is there', () => {
  fc.assert(
    fc.property(needs, (given) => {
      const { order, ancestors, cycles } = graphOf(given);
      const of = (id: string): string[] => (given.get(id) ?? []).filter((need) => given.has(need));
      /** By walking every path, whatever that costs. */
      const reached = (id: string, seen = new Set<string>()): Set<string> => {
        for (const need of of(id)) if (!seen.has(need)) reached(need, seen.add(need));
        return seen;
      };
      const isOnCycle = (id: string): boolean => reached(id).has(id);
      const free = [...given.keys()].filter((id) => !isOnCycle(id) && ![...reached(id)].some(isOnCycle));
      expect([...order].toSorted()).toEqual(free.toSorted());
      for (const id of order) {
        expect(ancestors.get(id)).toEqual(reached(id));
        for (const need of of(id)) expect(order.indexOf(need)).toBeLessThan(order.indexOf(id));
      }
      expect(cycles.length > 0).toBe(free.length < given.size);
      for (const cycle of cycles) {
        expect(cycle.at(-1)).toBe(cycle[0]);
        cycle.slice(1).forEach((need, at) => expect(of(cycle[at]!)).toContain(need));
      }
      // Ties in the order of the file: whoever stands earlier and could come next, does.
      const file = [...given.keys()];
      order.forEach((id, at) => {
        const ready = file.filter(
          (one) =>
            order.indexOf(one) >= at && of(one).every((need) => order.indexOf(need) < at && order.includes(need)),
        );
        expect(ready.find((one) => order.includes(one))).toBe(id);
      });
    }),
    { numRuns: 500 },
  );
});

const textOf = (needsOf: Record<string, string>): string =>
  `name: p\nstages:\n${Object.entries(needsOf)
    .map(([id, need]) => `  ${id}: { uses: command, needs: ${need}, with: { run: [x] } }`)
    .join('\n')}`;

test('two stages that need each other are refused, and the cycle is named', () => {
  expect(problemsOf(textOf({ a: 'b', b: 'a' }))).toEqual([
    'p.yml:3:30: stages.a.needs: expected stages without a cycle, got a needs b needs a; remove one of these needs',
  ]);
});

test('a need that is the stage itself, comes twice or is no stage is refused where it stands, and is no cycle besides', () => {
  expect(problemsOf(textOf({ first: '[second, first, second]', second: 'thrd', third: '[fourth, secnd]' }))).toEqual([
    'p.yml:3:43: stages.first.needs.1: expected another stage, got first itself; remove it',
    'p.yml:3:50: stages.first.needs.2: expected each need once, got second twice; remove one',
    'p.yml:4:35: stages.second.needs: expected a stage of this file, got thrd; did you mean third?',
    'p.yml:5:35: stages.third.needs.0: expected a stage of this file, got fourth; known: first, second, third',
    'p.yml:5:43: stages.third.needs.1: expected a stage of this file, got secnd; did you mean second?',
  ]);
});

/** Stages that need one another in a ring. */
const ring = (count: number): string =>
  textOf(Object.fromEntries(Array.from({ length: count }, (_, at) => [`s${at}`, `s${(at + 1) % count}`])));

test('a long cycle is told without its middle, a shorter one whole', () => {
  expect(problemsOf(ring(11))).toEqual([
    expect.stringMatching(
      /got s0 needs s1 needs s2 needs s3 needs s4 needs s5 needs s6 needs s7 needs s8 needs s9 needs s10 needs s0;/,
    ),
  ]);
  expect(problemsOf(ring(30))).toEqual([
    expect.stringMatching(
      /got s0 needs s1 needs s2 needs s3 needs s4 needs s5 needs … needs s26 needs s27 needs s28 needs s29 needs s0;/,
    ),
  ]);
  expect(problemsOf(ring(12))[0]).toContain('s5 needs … needs s8 ');
});
