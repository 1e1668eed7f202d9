import { expect, test } from 'vitest';
import {
  BadInput,
  endingOf,
  endings,
  endsForGood,
  FileFault,
  isErrno,
  isOutOfMemory,
  isRefusal,
  isTriedAgain,
  KnownError,
  longestWaitMs,
  refuse,
  waitMs,
} from '../../plan/endings.ts';

const errno = (code: string): Error => Object.assign(new Error(code), { code });

const problems = (count: number) => Array.from({ length: count }, (_, at) => `problem ${at + 1}`);

test('an ending says whether another attempt may end otherwise; the server repeats no other', () => {
  const again = Object.keys(endings).filter((name) => !endsForGood.includes(name));
  expect(again).toEqual(['OutOfMemory', 'Stalled', 'Crashed', 'Interrupted']);
  expect(endsForGood).toEqual(['BadInput', 'NaNLoss', 'Fenced', 'WorkerShutdown']);
  expect([isTriedAgain('Crashed'), isTriedAgain('BadInput'), isTriedAgain('WorkerShutdown')]).toEqual([
    true,
    false,
    false,
  ]);
});

test('attempts wait longer from one to the next, five minutes at most unless a stage begins with more', () => {
  const retry = { maximumAttempts: 9, initialIntervalMs: 1000, backoffCoefficient: 3 };
  expect([0, 1, 2, 3, 4].map((tries) => waitMs(retry, tries))).toEqual([1000, 1000, 3000, 9000, 27_000]);
  expect(waitMs(retry, 12)).toBe(300_000);
  const slow = { ...retry, initialIntervalMs: 400_000 };
  expect([longestWaitMs(retry), longestWaitMs(slow), waitMs(slow, 5)]).toEqual([300_000, 400_000, 400_000]);
});

test('an error ends as it says itself; one that knows nothing of endings is a crash, or a lack of memory', () => {
  expect(endingOf(new BadInput('x'))).toBe('BadInput');
  expect(endingOf(new KnownError('NaNLoss', 'x'))).toBe('NaNLoss');
  expect(endingOf(new Error('std::bad_alloc'))).toBe('OutOfMemory');
  expect(endingOf(new Error('x'))).toBe('Crashed');
  expect(endingOf('out of memory')).toBe('Crashed');
  for (const words of ['std::bad_alloc', 'spawn ENOMEM', 'OOM when allocating tensor', 'CUDA out of memory']) {
    expect(isOutOfMemory(words)).toBe(true);
  }
  expect(isOutOfMemory('no such file')).toBe(false);
});

test('problems are refused together, the first twenty in words', () => {
  expect(() => refuse([])).not.toThrow();
  const wordsOf = (count: number): string[] => {
    try {
      refuse(problems(count));
    } catch (error) {
      if (error instanceof BadInput) return error.message.split('\n');
    }
    return [];
  };
  expect(wordsOf(2)).toEqual(['problem 1', 'problem 2']);
  expect(wordsOf(20)).toEqual(problems(20));
  expect(wordsOf(23)).toEqual([...problems(20), '… and 3 more']);
});

test('a file that cannot be read keeps what the system said', () => {
  const cause = errno('EIO');
  const fault = new FileFault('run/a.json', cause);
  expect([fault.reason, fault.cause, fault.ending, fault.name]).toEqual(['EIO', cause, 'Crashed', 'FileFault']);
  expect(fault.message).toBe(
    'run/a.json: expected a file that can be read, got EIO; check that it is there, and its disk',
  );
  expect(new FileFault('f', 'odd').reason).toBe('odd');
});

test('an error of the system is known by its code, and a refusal by its words', () => {
  expect(isErrno(errno('ENOENT'), 'EEXIST', 'ENOENT')).toBe(true);
  expect(isErrno(errno('EIO'), 'ENOENT')).toBe(false);
  expect(isErrno(new Error('ENOENT'), 'ENOENT')).toBe(false);
  expect(isErrno({ code: 'ENOENT' }, 'ENOENT')).toBe(false);
  const said = [
    'PERMISSION_DENIED',
    'permission denied',
    'Unauthenticated',
    'unauthorized',
    'not authorised',
    'unauthorised',
  ];
  expect(said.map(isRefusal)).toEqual([true, true, true, true, false, true]);
});
