import { describe, expect, test } from 'vitest';
import { nextGeneration } from '../../nas/evaluation/search/generation.ts';
import type { Found } from '../../nas/evaluation/search/generation.ts';
import { crossed, mutated } from '../../nas/evaluation/search/variation.ts';
import { formatArchCode, parseArchCode } from '../../nas/space/arch-code.ts';
import { randomOf } from '../../nas/space/random.ts';
import { maxArchitecture, minArchitecture, randomArchitecture } from '../../nas/space/sampling.ts';
import { fashionSearch } from '../support/fashion-search.ts';

const { space } = fashionSearch;
const search = { ...fashionSearch, budget: 110 } as const;

/** What size and balance make of a subnet: what a supernet might say, without one. */
function scoreOf({ subnet, macs, depth }: Found): number {
  const widths = subnet.stages.map((blocks) => blocks[0]!.out);
  return 60 + 3 * Math.log(macs) + 2 * (widths[3]! - widths[1]!) - Math.abs(depth - 14);
}

/** All generations of a search under a score. */
function searched(way: 'evolution' | 'random', seed = 1): Found[][] {
  const generations: Found[][] = [];
  for (;;) {
    const next = nextGeneration({ ...search, way, seed }, generations.flat());
    if (next.length === 0) return generations;
    generations.push(next.map((one) => ({ ...one, score: scoreOf(one) })));
  }
}

/** The mean, over limits on MACs, of the best score within them: how high a search's Pareto set lies. */
function heightOf(generations: readonly Found[][]): number {
  const limits = Array.from({ length: 20 }, (_, index) => 100_000 + 15_000 * index);
  const best = limits.map((limit) =>
    generations.flat().reduce((most, { macs, score }) => (macs <= limit ? Math.max(most, score) : most), 0),
  );
  return best.reduce((sum, score) => sum + score, 0) / best.length;
}

describe('a child of two architectures', () => {
  test('has each choice of one of them, and is one that training samples', () => {
    const random = randomOf(1, 'children');
    for (let pair = 0; pair < 50; pair++) {
      const [a, b] = [randomArchitecture(space, random), randomArchitecture(space, random)];
      const child = crossed(a, b, 0.5, random);
      expect(parseArchCode(space, formatArchCode(space, child))).toEqual(child);
      expect([a.stem, b.stem]).toContain(child.stem);
      for (const [stage, blocks] of child.stages.entries()) {
        const [own, others] = [a.stages[stage]!, b.stages[stage]!];
        expect([own.length, others.length]).toContain(blocks.length);
        expect(new Set(blocks.map(({ out }) => out)).size).toBe(1);
        if (stage === 0) expect(blocks[0]!.out).toBe(child.stem);
        for (const [at, { mid }] of blocks.entries()) expect([own[at]?.mid, others[at]?.mid]).toContain(mid);
      }
    }
  });

  test('is the first where nothing is the second’s, and the second where all is', () => {
    const random = randomOf(2, 'children');
    const [a, b] = [maxArchitecture(space), minArchitecture(space)];
    expect(crossed(a, b, 0, random)).toEqual(a);
    expect(crossed(a, b, 1, random)).toEqual(b);
    expect(mutated(space, a, 0, random)).toEqual(a);
    expect(mutated(space, a, 0.15, random)).not.toEqual(a);
  });
});

describe('the generations of a search', () => {
  const generations = searched('evolution');
  const others = searched('evolution', 2);

  test('spend the budget on subnets within the limits, none of them twice', () => {
    expect(generations.map((some) => some.length)).toEqual([20, 20, 20, 20, 20, 10]);
    const all = generations.flat();
    expect(all.map(({ id }) => id)).toEqual(all.map((_, index) => `arch${index + 1}`));
    expect(new Set(all.map(({ subnet }) => JSON.stringify(subnet))).size).toBe(110);
    for (const { macs, parameters } of all) {
      expect(macs).toBeLessThanOrEqual(400_000);
      expect(parameters).toBeLessThanOrEqual(6000);
    }
  });

  test('are a function of the seed and of what was evaluated before', () => {
    expect(searched('evolution')).toEqual(generations);
    expect(others).not.toEqual(generations);
    const changed = generations[0]!.map((one) => ({ ...one, score: -one.score }));
    expect(nextGeneration({ ...search, way: 'evolution' }, changed)).not.toEqual(
      nextGeneration({ ...search, way: 'evolution' }, generations[0]!),
    );
  });

  test('find a better Pareto set by evolution than at random, with every seed', () => {
    for (const [at, evolved] of [generations, others].entries()) {
      expect(heightOf(evolved)).toBeGreaterThan(heightOf(searched('random', at + 1)) + 0.4);
    }
  });

  test('find subnets where next to none of the space is within the limits, and end where there are no more', () => {
    const narrow = { ...search, way: 'random', limits: { parameters: 1100 } } as const;
    const some = nextGeneration({ ...narrow, population: 5, budget: 5 }, []);
    expect(some).toHaveLength(5);
    expect(() =>
      nextGeneration({ ...narrow, population: 5000, budget: 5000, limits: { parameters: 560 } }, []),
    ).toThrow('more subnets within the limits');
  });
});
