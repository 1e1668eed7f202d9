import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkRunId, placeOf } from '../../artifacts/paths.ts';
import { amend, FencedError, HeldStage } from '../../artifacts/stage.ts';
import { compareTokens } from '../../artifacts/token.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { startWriter } from '../support/store-writer.ts';
import { endGateway, implementations, noted } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

afterAll(endGateway);

describe.each(implementations)('in %s', (_, open) => {
  // In their order: of each two, the later one alone may write.
  const attempts = [
    ['of release 0.1.0', tokenOf({ runId: 'a0' })],
    ['the next one of release 0.1.0', tokenOf({ runId: 'a0', attempt: 2 })],
    ['the first of a run', tokenOf({ runStarted: 1000, scheduled: 1100 })],
    ['the second', tokenOf({ runStarted: 1000, scheduled: 1200, attempt: 2 })],
    ['the first again after an operator has reset the activity', tokenOf({ runStarted: 1000, scheduled: 1300 })],
    ['one after that', tokenOf({ runStarted: 1000, scheduled: 1400, attempt: 2 })],
    ['the first of the next round', tokenOf({ runStarted: 1000, scheduled: 1500, round: 2 })],
    ['one that a server with a fast clock scheduled', tokenOf({ runStarted: 1000, scheduled: 1790, round: 3 })],
    ['the first of a round before there was `ordered`', tokenOf({ runStarted: 1000, scheduled: 1800, round: 4 })],
    [
      'a try that began before the time it was scheduled for',
      tokenOf({ runStarted: 1000, ordered: 1800, scheduled: 1890, round: 4, attempt: 2 }),
    ],
    [
      'the choice that the workflow ordered after it',
      tokenOf({ runStarted: 1000, ordered: 1850, scheduled: 1850, round: 4 }),
    ],
    ['one of the next run, scheduled by release 0.1.0', tokenOf({ runId: '00', scheduled: 1600 })],
    ['the first of the run after that', tokenOf({ runId: 'a3', runStarted: 1700, ordered: 1700, scheduled: 1700 })],
    ['the next round of it', tokenOf({ runId: 'a3', runStarted: 1700, scheduled: 1800, round: 2 })],
  ] as const;
  const pairs = attempts.flatMap(([later, b], at) =>
    attempts.slice(0, at).map(([earlier, a]) => [earlier, later, a, b] as const),
  );

  test.each(pairs)('%s yields to %s, whichever claims first', async (__, ___, earlier, later) => {
    const store = await open();
    const first = await HeldStage.claim(store, directory, earlier, claim);
    const second = await HeldStage.claim(store, directory, later, claim);
    await expect(first.change(noted('late'))).rejects.toThrow(FencedError);
    await second.change(noted('in time'));
    const before = await store.read(directory);
    await expect(HeldStage.claim(store, directory, earlier, claim)).rejects.toThrow(FencedError);
    await expect(amend(store, directory, earlier, [], (manifest) => manifest)).rejects.toThrow(FencedError);
    expect(await store.read(directory)).toEqual(before);
    expect(compareTokens(earlier, later)).toBeLessThan(0);
    expect(compareTokens(later, earlier)).toBeGreaterThan(0);
  });

  test('a late first claim of a run that has ended is refused, and its successor goes on', async () => {
    const store = await open();
    const successor = await HeldStage.claim(
      store,
      directory,
      tokenOf({ runId: 'b', runStarted: 2000, scheduled: 2000 }),
      claim,
    );
    const late = tokenOf({ runId: 'a', runStarted: 1000, scheduled: 1000 });
    await expect(HeldStage.claim(store, directory, late, claim)).rejects.toThrow(
      /run quick \(b\).*this attempt ends here/,
    );
    await successor.change(noted('goes on'));
    const again = tokenOf({ runId: 'b', runStarted: 2000, scheduled: 2100, attempt: 2 });
    expect((await HeldStage.claim(store, directory, again, claim)).manifest.notices).toEqual(['goes on']);
  });

  test('a choice is recorded for a stage that is done, by no attempt that has been overtaken', async () => {
    const store = await open();
    const stage = await HeldStage.claim(store, directory, tokenOf({ attempt: 2 }), claim);
    await expect(amend(store, directory, stage.token, [], (manifest) => manifest)).rejects.toThrow(FencedError);
    await stage.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
    await amend(store, directory, tokenOf({ attempt: 2 }), [], noted('chosen'));
    expect((await store.read(directory))?.notices).toEqual(['chosen']);
    await expect(amend(store, directory, tokenOf(), [], noted('too late'))).rejects.toThrow(FencedError);
  });

  test('a stopped attempt that wakes up after its replacement finished is refused and touches no file', async () => {
    const store = await open();
    const writing = { root: store.root, directory, attempt: 1, name: 'result', bytes: 10_000, claims: true };
    const zombie = startWriter({ ...writing, commits: 100_000 });
    await expect
      .poll(async () => (await store.read(directory))?.files.length ?? 0, { timeout: 30_000 })
      .toBeGreaterThan(2);
    zombie.child.kill('SIGSTOP');
    const replacement = await HeldStage.claim(store, directory, tokenOf({ attempt: 2 }), claim);
    const placed = await replacement.put({ 'result-0.bin': 'of the replacement' });
    await replacement.end({ ending: 'done', phases: null }, { state: 'done', outputs: {} });
    const before = await store.read(directory);
    zombie.child.kill('SIGCONT');
    expect((await zombie.done).error).toMatch(/FencedError: quick\/one-shot: .*attempt 2; this attempt ends here/);
    const { 'result-0.bin': result } = placed;
    expect(readFileSync(await store.fetch(result), 'utf8')).toBe('of the replacement');
    expect(await store.read(directory)).toEqual(before);
  });

  test('who holds a stage is told by its token alone: a process of that name and number may live elsewhere, or be another', async () => {
    const store = await open();
    const holder = tokenOf({ attempt: 2 });
    await HeldStage.claim(store, directory, holder, claim);
    const ended = spawnSync('true');
    // A container that was killed and one that lives may share a host name, and every container has a process 1.
    for (const [at, pid] of [process.pid, ended.pid, 1].entries()) {
      const seen = (await store.read(directory))!;
      const ledger = seen.attempts.map((attempt) => ({ ...attempt, host: hostname(), pid }));
      await store.swap(directory, seen, { ...seen, attempts: ledger });
      await expect(HeldStage.claim(store, directory, tokenOf(), claim)).rejects.toThrow(FencedError);
      const next = await HeldStage.claim(store, directory, tokenOf({ attempt: 3 + at }), claim);
      await next.change(noted(`held after ${pid}`));
    }
    expect((await store.read(directory))?.notices).toHaveLength(3);
  });
});

test('names that leave the results folder are refused', async () => {
  const root = temporaryFolder();
  for (const name of ['../x', '/etc', 'a/../../b', 'a//b', './a', '', 'a\0b']) {
    expect(() => placeOf(root, name), name).toThrow(/results path: expected/);
  }
  symlinkSync(path.dirname(root), path.join(root, 'link'));
  expect(() => placeOf(root, 'link/x')).toThrow(/remove the symbolic link/);
  for (const id of ['a/b', '..', '', '-x', 'x'.repeat(101)])
    expect(() => checkRunId(id), id).toThrow(/run id: expected/);
  expect(checkRunId('quickstart-2')).toBe('quickstart-2');
});
