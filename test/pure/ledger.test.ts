import { expect, test, vi } from 'vitest';
import { ledgerOf, linesOf, spansOf } from '../../artifacts/ledger.ts';
import type { Attempt } from '../../artifacts/manifest.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const at = (seconds: number): string => new Date(1000 * seconds).toISOString();

/** One attempt that was queued at 0 s, begun at 10 s, and is still at work. */
function attempt(changes: Partial<Attempt> = {}): Attempt {
  const times = { queued: at(0), started: at(10), saved: null, ended: null };
  return { token: tokenOf(), host: 'h', pid: 1, device: 'cpu', ending: null, phases: null, ...times, ...changes };
}

/** What of each attempt is kept, and what was lost, in seconds: [begun, kept until, ended]. */
function clock(attempts: readonly Attempt[], now = 100): number[][] {
  return spansOf(attempts, 1000 * now).map(({ started, kept, ended }) => [started, kept, ended].map((ms) => ms / 1000));
}

test.each([
  ['still at work: all until now', attempt(), [10, 100, 100]],
  ['done: all, whenever it last saved', attempt({ ending: 'done', saved: at(20), ended: at(50) }), [10, 50, 50]],
  ['taken over from another run: all', attempt({ ending: 'reused', ended: at(50) }), [10, 50, 50]],
  ['failed: until it last saved', attempt({ ending: 'Crashed', saved: at(20), ended: at(50) }), [10, 20, 50]],
  ['failed before it saved: nothing', attempt({ ending: 'Crashed', ended: at(50) }), [10, 10, 50]],
  [
    'saved after it ended, by another clock',
    attempt({ ending: 'Crashed', saved: at(60), ended: at(50) }),
    [10, 50, 50],
  ],
])('of an attempt is kept, where it is %s', (_, given, expected) => {
  expect(clock([given])).toEqual([expected]);
});

test('an attempt that could not say when it ended did so when the next one was queued', () => {
  const second = attempt({ queued: at(40), started: at(45) });
  expect(clock([attempt({ saved: at(30) }), second])).toEqual([
    [10, 30, 40],
    [45, 100, 100],
  ]);
});

test('two devices at once have two seconds in a second, waiting is counted once, and each device has a line', () => {
  const lost = attempt({ device: 'gpu:0,gpu:1', saved: at(30), phases: { training: 15, saving: 2 } });
  const attempts = [lost, attempt({ device: 'gpu:0', queued: at(40), started: at(45), ended: at(60), ending: 'done' })];
  const none = { training: 0, saving: 0 };
  expect(linesOf('s', attempts, 0)).toEqual([
    { stage: 's', device: 'gpu:0,gpu:1', useful: 40, redone: 20, waiting: 10, training: 30, saving: 4, attempts: 1 },
    { stage: 's', device: 'gpu:0', useful: 15, redone: 0, waiting: 5, ...none, attempts: 1 },
  ]);
});

test('a clock that ran backwards takes nothing away', () => {
  const [line] = linesOf('s', [attempt({ queued: at(20), ended: at(50), ending: 'done' })], 0);
  expect(line).toMatchObject({ waiting: 0, useful: 40 });
});

test('the ledger of a run has the lines of all its stages', async () => {
  const root = temporaryFolder();
  vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-01-01T00:00:30Z') });
  await finishedStage(root, 'r/one', 'command', {});
  await finishedStage(root, 'r/two', 'command', {});
  await finishedStage(root, 'other/one', 'command', {});
  vi.useRealTimers();
  const of = { device: 'cpu', useful: 0, redone: 0, waiting: 30, training: 0, saving: 0, attempts: 1 };
  expect(await ledgerOf(root, 'r')).toEqual([
    { stage: 'r/one', ...of },
    { stage: 'r/two', ...of },
  ]);
});
