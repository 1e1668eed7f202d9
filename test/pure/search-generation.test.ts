import { expect, test } from 'vitest';
import { sha256Of } from '../../artifacts/files.ts';
import { bestFirst, paretoFront } from '../../nas/evaluation/pareto.ts';
import { fitPredictor } from '../../nas/evaluation/predictor/predictor.ts';
import { nextGeneration } from '../../nas/evaluation/search/generation.ts';
import type { Found } from '../../nas/evaluation/search/generation.ts';
import { formatArchCode, parseArchCode } from '../../nas/space/arch-code.ts';
import { macs, parameterCount } from '../../nas/space/cost.ts';
import { depthOf, subnetOf } from '../../nas/space/space.ts';
import { fashionSearch } from '../support/fashion-search.ts';

const { space } = fashionSearch;
const search = { ...fashionSearch, budget: 50, way: 'evolution' } as const;

/** What a supernet might say: the more MACs and the nearer to a depth of 14 the better. */
const scored = (some: readonly Found[]): Found[] =>
  some.map((one) => ({ ...one, score: 60 + 3 * Math.log(one.macs) - Math.abs(one.depth - 14) }));

const mean = (some: readonly Found[]): number => some.reduce((sum, { score }) => sum + score, 0) / some.length;

const first = (): Found[] => scored(nextGeneration(search, []));

test('the first generation is drawn within the limits: different subnets, with what they cost and no score yet', () => {
  const drawn = nextGeneration(search, []);
  expect(drawn.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, at) => `arch${at + 1}`));
  expect(new Set(drawn.map(({ subnet }) => JSON.stringify(subnet))).size).toBe(20);
  for (const { code, subnet, depth, parameters, macs: cost, score } of drawn) {
    const architecture = parseArchCode(space, code);
    expect(formatArchCode(space, architecture)).toBe(code);
    expect(subnet).toEqual(subnetOf(space, architecture));
    expect([depth, parameters, cost]).toEqual([
      depthOf(subnet),
      parameterCount(space, subnet, 10),
      macs(space, subnet, 28, 10),
    ]);
    expect([cost <= 400_000, parameters <= 6000, score]).toEqual([true, true, NaN]);
  }
  // Where nothing is limited nothing is drawn towards the smallest.
  const free = nextGeneration({ ...search, limits: {} }, []);
  expect(free.some(({ parameters }) => parameters > 6000)).toBe(true);
});

test('the budget ends a search: what is left of it is the last generation, and then there is none', () => {
  const all = first();
  expect(nextGeneration({ ...search, budget: 25 }, all).map(({ id }) => id)).toEqual(
    [21, 22, 23, 24, 25].map((n) => `arch${n}`),
  );
  expect(nextGeneration({ ...search, budget: 20 }, all)).toEqual([]);
  expect(nextGeneration({ ...search, budget: 10 }, all)).toEqual([]);
});

test('children are bred of the Pareto set and the best: each choice is of one of them, or was drawn anew', () => {
  const all = first();
  const bred = nextGeneration(search, all);
  const known = new Set(all.map(({ subnet }) => JSON.stringify(subnet)));
  expect(bred.filter(({ subnet }) => known.has(JSON.stringify(subnet)))).toEqual([]);
  const parents = [...paretoFront(all, 'macs'), ...bestFirst(all).slice(0, 10)].map(({ code }) =>
    parseArchCode(space, code),
  );
  const stems = new Set(parents.map(({ stem }) => stem));
  const depths = (of: typeof parents, stage: number) => of.map(({ stages }) => stages[stage]!.length);
  const children = bred.map(({ code }) => parseArchCode(space, code));
  const inherited = children.filter(({ stem }) => stems.has(stem)).length;
  expect(inherited).toBeGreaterThanOrEqual(15);
  const own = children.flatMap((child) =>
    child.stages.map((blocks, stage) => depths(parents, stage).includes(blocks.length)),
  );
  expect(own.filter(Boolean).length / own.length).toBeGreaterThan(0.8);
});

test('of many children those are chosen that a predictor expects most of, for what they cost', () => {
  const all = first();
  const { predict } = fitPredictor(space, all, { seed: 1 });
  const expected = (some: readonly Found[]): Found[] => some.map((one) => ({ ...one, score: predict(one.subnet) }));
  const bred = expected(nextGeneration(search, all));
  const drawn = expected(nextGeneration({ ...search, way: 'random' }, all));
  expect(mean(bred)).toBeGreaterThan(mean(drawn) + 0.3);
  expect(mean(bred)).toBeGreaterThan(mean(expected(all)));
  // Scores that are not finite tell nothing, and spoil nothing.
  const broken = all.map((one, at) => (at === 0 ? { ...one, score: NaN } : one));
  expect(() => nextGeneration(search, [...broken, ...scored(drawn)])).not.toThrow();
});

test('more children than one Pareto set holds are taken set after set, each once', () => {
  const wide = { ...search, population: 60, budget: 120 };
  const all = scored(nextGeneration(wide, []));
  const bred = nextGeneration(wide, all);
  expect(bred).toHaveLength(60);
  expect(new Set(bred.map(({ subnet }) => JSON.stringify(subnet))).size).toBe(60);
  const { predict } = fitPredictor(space, all, { seed: 1 });
  const expected = bred.map((one) => ({ ...one, score: predict(one.subnet) }));
  const front = paretoFront(expected, 'macs');
  expect(front.length).toBeLessThan(60);
  // The dearest first: those of the first set stand before all others.
  expect(new Set(expected.slice(0, front.length))).toEqual(new Set(front));
});

test('children too keep within the limits, and none is met twice, where that is hard', () => {
  const narrow = { ...search, limits: { parameters: 1200 }, budget: 90 };
  const all = scored(nextGeneration(narrow, []));
  for (let generation = 1; generation < 4; generation++) all.push(...scored(nextGeneration(narrow, all)));
  expect(all).toHaveLength(80);
  expect(all.filter(({ parameters }) => parameters > 1200)).toEqual([]);
  expect(new Set(all.map(({ subnet }) => JSON.stringify(subnet))).size).toBe(80);
});

test('fewer observations than a predictor takes are followed by subnets drawn at random', () => {
  const few = first().slice(0, 19);
  const next = nextGeneration(search, few);
  expect(next.map(({ code }) => code)).toEqual(
    nextGeneration({ ...search, way: 'random' }, few).map(({ code }) => code),
  );
  const enough = first();
  expect(nextGeneration(search, enough).map(({ code }) => code)).not.toEqual(
    nextGeneration({ ...search, way: 'random' }, enough).map(({ code }) => code),
  );
});

/** What tells one generation from any other. */
function digestOf(some: readonly Found[]): string {
  return sha256Of(some.map(({ code }) => code).join()).slice(0, 12);
}

test('the same scores give the same children after an upgrade, so that a search can go on', () => {
  const narrow = { ...search, limits: { parameters: 1200 }, budget: 90 };
  const generations = [search, narrow].map((one) => {
    const all = scored(nextGeneration(one, []));
    const bred = scored(nextGeneration(one, all));
    return [all, bred, nextGeneration({ ...one, population: 7 }, [...all, ...bred])].map(digestOf);
  });
  expect(generations).toEqual([
    ['0b4562f8ba3d', '17cf6058c445', '64f44365782b'],
    ['629f5b74c6c4', 'f505d85bfea4', '6cbc37a669fd'],
  ]);
});
