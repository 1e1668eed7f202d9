import { beforeEach, expect, test, vi } from 'vitest';
import { LateCommits } from '../../artifacts/late-commits.ts';
import type { LateCommit } from '../../artifacts/late-commits.ts';
import { KnownError } from '../../plan/endings.ts';

// Commits to a store that answers late, or not at all; the waits between tries are written down and not waited for.

const waits: number[] = [];
vi.mock('node:timers/promises', () => ({ setTimeout: async (ms: number) => void waits.push(ms) }));

beforeEach(() => {
  waits.length = 0;
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});

function commitOf(name: string, bytes: number): LateCommit {
  return { stored: [{ file: name, sha256: name, bytes, waitsAt: name }], change: (manifest) => manifest };
}

const namesOf = (commits: readonly LateCommit[]): string[] => commits.map(({ stored }) => stored[0]!.file);

test('one set of commits is under way at a time, and what comes meanwhile is carried out together', async () => {
  const sets: string[][] = [];
  const ends: (() => void)[] = [];
  const late = new LateCommits(async (commits) => {
    sets.push(namesOf(commits));
    await new Promise<void>((resolve) => ends.push(resolve));
  });
  expect(late.bytesLeft).toBe(0);
  late.add(commitOf('a', 1));
  late.add(commitOf('b', 10));
  late.add(commitOf('c', 100));
  expect([sets, namesOf(late.waiting), late.bytesLeft]).toEqual([[['a']], ['b', 'c'], 111]);
  let isFlushed = false;
  const flushed = late.flush().then(() => (isFlushed = true));
  ends.shift()!();
  await vi.waitFor(() => expect(sets).toEqual([['a'], ['b', 'c']]));
  expect([isFlushed, late.bytesLeft, late.waiting]).toEqual([false, 110, []]);
  ends.shift()!();
  await flushed;
  expect([sets.length, late.bytesLeft]).toEqual([2, 0]);
  // After a rest it begins anew.
  late.add(commitOf('d', 1));
  expect(sets.at(-1)).toEqual(['d']);
  ends.shift()!();
  await late.flush();
});

test('a store that does not answer is asked again, after longer and longer waits; what it has missed is sent with the rest', async () => {
  const sets: string[][] = [];
  const late = new LateCommits(async (commits) => {
    sets.push(namesOf(commits));
    if (sets.length < 10) throw new Error('no answer');
  });
  late.add(commitOf('a', 1));
  late.add(commitOf('b', 1));
  await late.flush();
  expect(sets[0]).toEqual(['a']);
  expect(sets.at(-1)).toEqual(['a', 'b']);
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000]);
  expect(vi.mocked(console.warn).mock.calls[8]).toEqual(['Error: no answer (try 9 of 10)']);
  expect(late.bytesLeft).toBe(0);
});

test('tries are counted in a row: one that succeeds begins the count anew', async () => {
  let tries = 0;
  const late = new LateCommits(async () => {
    tries++;
    if (tries % 9 !== 0) throw new Error('no answer');
  });
  for (const name of ['a', 'b', 'c']) {
    late.add(commitOf(name, 1));
    await late.flush();
  }
  expect(tries).toBe(27);
});

test('a store that does not answer ten times fails whoever waits for it, and whoever comes later', async () => {
  const late = new LateCommits(async () => {
    throw new Error('no answer');
  });
  late.add(commitOf('a', 7));
  await expect(late.flush()).rejects.toThrow('no answer');
  expect(waits).toHaveLength(9);
  expect(() => late.add(commitOf('b', 1))).toThrow('no answer');
  await expect(late.flush()).rejects.toThrow('no answer');
});

test('an attempt that was overtaken is not tried again', async () => {
  let tries = 0;
  const late = new LateCommits(async () => {
    tries++;
    throw new KnownError('Fenced', 'another attempt holds the stage');
  });
  late.add(commitOf('a', 1));
  await expect(late.flush()).rejects.toThrow('another attempt');
  expect([tries, waits]).toEqual([1, []]);
});
