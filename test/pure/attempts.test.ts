import { ApplicationFailure, CancelledFailure } from '@temporalio/activity';
import { expect, test } from 'vitest';
import { errorOfDeath, failureOf, InterruptedError, nameOfEnding } from '../../activities/endings.ts';
import type { Death } from '../../activities/endings.ts';
import { triesInVain } from '../../artifacts/ledger.ts';
import type { Attempt } from '../../artifacts/manifest.ts';
import { BadInput, FileFault, KnownError, waitMs } from '../../plan/endings.ts';
import { tokenOf } from '../support/stage-claim.ts';

const GIB = 2 ** 30;

/** Attempts of round 1 in their order: the number of each, with ! where it saved something. */
function ledgerOf(...tries: string[]): Attempt[] {
  return tries.map((text, at) => ({
    token: tokenOf({ attempt: Number.parseInt(text, 10), scheduled: 1000 * at }),
    host: 'h',
    pid: 1,
    device: 'cpu',
    queued: '2026-01-01T00:00:00Z',
    started: '2026-01-01T00:00:00Z',
    saved: text.endsWith('!') ? '2026-01-01T00:01:00Z' : null,
    ended: null,
    ending: null,
    phases: null,
  }));
}

test.each([
  ['the first', [], 1, 1],
  ['one after two that saved nothing', ['1', '2'], 3, 3],
  ['one that died before it could claim counts too', ['1'], 3, 3],
  ['one after another that saved something', ['1', '2!', '3'], 4, 2],
  ['one that has saved something itself', ['1', '2!'], 2, 0],
  ['the first after an operator has reset the activity', ['1', '2', '3!'], 1, 1],
  ['the second after that', ['1', '2', '3!', '1'], 2, 2],
  ['the first after a reset of the first, which had saved something', ['1!', '1'], 1, 1],
])('tries are counted since something was last saved: %s', (_, tries, attempt, expected) => {
  expect(triesInVain(ledgerOf(...tries), tokenOf({ attempt }))).toBe(expected);
});

test('tries of another round, or of another run, do not count', () => {
  const ledger = ledgerOf('1', '2!', '3');
  expect(triesInVain(ledger, tokenOf({ attempt: 4 }))).toBe(2);
  expect(triesInVain(ledger, tokenOf({ round: 2, attempt: 4 }))).toBe(4);
  expect(triesInVain(ledger, tokenOf({ runId: 'b', attempt: 4 }))).toBe(4);
});

const death: Death = {
  code: null,
  signal: 'SIGKILL',
  lastSeen: 'training, epoch 1, step 7 of 20',
  held: 3.25 * GIB,
  machine: {
    before: { total: 16 * GIB, available: 8 * GIB, endedForWant: 4 },
    after: { total: 16 * GIB, available: 7.5 * GIB, endedForWant: 4 },
  },
  log: 'run/one-shot/trainer.log',
};

test('a death is told by what is known of it: want of memory only where the kernel says so', () => {
  const { before, after } = death.machine;
  const killed = errorOfDeath(death);
  expect(killed).toMatchObject({
    ending: 'Crashed',
    message:
      'the process was ended by SIGKILL, it was at training, epoch 1, step 7 of 20, it held 3.3 GiB when it was last looked at, the machine has 7.5 GiB of 16.0 GiB to spare, the kernel ended 0 processes for want of memory meanwhile; its last output is in run/one-shot/trainer.log',
  });
  const want = errorOfDeath({ ...death, machine: { before, after: { ...after!, endedForWant: 5 } } });
  expect(want.ending).toBe('OutOfMemory');
  expect(want.message).toMatch(/the kernel ended 1 processes for want of memory meanwhile; make the batch smaller$/);
  const unknown = { ...death, code: 134, signal: null, lastSeen: null, held: null, machine: { before, after: null } };
  expect(errorOfDeath(unknown)).toMatchObject({
    ending: 'Crashed',
    message:
      'the process ended with exit code 134, it had not said what it was at; its last output is in run/one-shot/trainer.log',
  });
});

test('an error that may pass is tried again until the tries are used up, every other one is not', () => {
  const retry = { maximumAttempts: 3, initialIntervalMs: 5000, backoffCoefficient: 2 };
  const end = { attempt: 7, tries: 2, retry };
  const isFinal = (error: unknown, tries = 2): boolean | null | undefined => {
    const failure = failureOf(error, { ...end, tries });
    return failure instanceof ApplicationFailure ? failure.nonRetryable : undefined;
  };
  expect(isFinal(new KnownError('Crashed', 'x'))).toBe(false);
  expect(isFinal(new FileFault('x', new Error('EIO: i/o error, read')))).toBe(false);
  expect(isFinal(new Error('x'), 3)).toBe(true);
  expect(isFinal(new BadInput('x'))).toBe(true);
  expect(isFinal(new InterruptedError('shutdown', 'x'))).toBe(true);
  expect(failureOf(new InterruptedError('cancel', 'x'), end)).toBeInstanceOf(CancelledFailure);
  expect(failureOf(new KnownError('Stalled', 'no step'), { ...end, tries: 3 })).toMatchObject({
    type: 'Stalled',
    message: 'no step; this was try 3 of 3 since something was last saved',
    details: [7],
  });
  expect(failureOf(new Error('y'.repeat(5000)), end).message).toHaveLength(1901);
  const waits = [0, 1, 2, 3, 20].map((tries) => waitMs(retry, tries));
  expect(waits).toEqual([5000, 5000, 10_000, 20_000, 300_000]);
  expect(waitMs({ ...retry, initialIntervalMs: 3_600_000 }, 9)).toBe(3_600_000);
});

test('want of memory is told of a SIGKILL alone, and where the kernel was asked before and after', () => {
  const { before, after } = death.machine;
  const more = { ...after!, endedForWant: 9 };
  const aborted = errorOfDeath({ ...death, signal: 'SIGABRT', machine: { before, after: more } });
  const unasked = errorOfDeath({ ...death, machine: { before: null, after: more } });
  for (const error of [aborted, unasked]) {
    expect(error.ending).toBe('Crashed');
    expect(error.message).toMatch(
      /, the machine has 7\.5 GiB of 16\.0 GiB to spare; its last output is in run\/one-shot\/trainer\.log$/,
    );
  }
});

test('an end is told to the server with the wait before the next try, and with its last try only where that could be another', () => {
  const retry = { maximumAttempts: 3, initialIntervalMs: 5000, backoffCoefficient: 2 };
  const end = { attempt: 7, tries: 2, retry };
  expect(failureOf(new KnownError('Crashed', 'x'), end)).toMatchObject({ message: 'x', nextRetryDelay: 10_000 });
  expect(failureOf(new KnownError('Crashed', 'x'), { ...end, retry: null })).toMatchObject({
    message: 'x',
    nonRetryable: false,
    nextRetryDelay: undefined,
  });
  expect(failureOf(new BadInput('x'), { ...end, tries: 3 })).toMatchObject({ message: 'x', nonRetryable: true });
  expect(failureOf(new Error('y'.repeat(1900)), end).message).toBe('y'.repeat(1900));
  expect(failureOf('said', end)).toMatchObject({ message: 'said', type: 'Crashed' });
  for (const failure of [new CancelledFailure('x'), ApplicationFailure.create({ type: 'Fenced' })]) {
    expect(failureOf(failure, end)).toBe(failure);
  }
});

test.each([
  ['cancel', 'Cancelled', 'stopped as asked; x'],
  ['shutdown', 'WorkerShutdown', 'the worker shut down; x'],
  ['operator', 'Interrupted', 'paused or reset by an operator; x'],
  ['lost', 'Interrupted', 'the server gave this attempt up; x'],
  ['stalled', 'Stalled', 'the process lives but makes no step; x'],
] as const)('work ended by %s stands in the ledger as %s', (by, name, message) => {
  const error = new InterruptedError(by, 'x');
  expect(nameOfEnding(error)).toBe(name);
  expect(error).toMatchObject({ by, message, ending: name === 'Cancelled' ? 'Interrupted' : name });
});

test('other ends stand in the ledger by the type of their failure', () => {
  expect(nameOfEnding(new CancelledFailure('x'))).toBe('Cancelled');
  expect(nameOfEnding(ApplicationFailure.create({ type: 'Fenced' }))).toBe('Fenced');
  expect(nameOfEnding(ApplicationFailure.create({ message: 'x' }))).toBe('Crashed');
  expect(nameOfEnding(new BadInput('x'))).toBe('BadInput');
  expect(nameOfEnding(new Error('x'))).toBe('Crashed');
});
