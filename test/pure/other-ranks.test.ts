import { expect, test } from 'vitest';
import { fingerprintOf, wentOnBecause } from '../../pipelines/fingerprint.ts';
import { tinySupernet } from '../support/training-configs.ts';

const uses = 'train-supernet';
const withChanges = (changes: object) => JSON.parse(JSON.stringify({ ...tinySupernet(), ...changes }));

/** The notice where work of the first config is gone on with under the second. */
function noticeOf(before: object, now: object): string | null {
  const config = withChanges(before);
  return wentOnBecause(uses, { uses, fingerprint: fingerprintOf(uses, config), config }, withChanges(now));
}

test('training goes on with other ranks, whatever the batch of each, and says that bits differ', () => {
  expect(noticeOf({ ranks: 2 }, { ranks: 4, batch_size: 32 })).toBe(
    'went on where batch_size was 64 and is 32, ranks was 2 and is 4: the rest has other bits than without the change',
  );
  // As release 0.1.0 wrote it.
  expect(noticeOf({ ranks: undefined }, { ranks: 2 })).toMatch(/^went on where ranks was 1 and is 2: /);
});

test('training begins anew where anything else has changed, or the code', () => {
  expect(noticeOf({ ranks: 2 }, { ranks: 4, seed: 1 })).toBeNull();
  expect(noticeOf({}, { batch_size: 32 })).toBeNull();
  expect(noticeOf({}, {})).toBeNull();
  const config = withChanges({});
  const ofOtherCode = { uses, fingerprint: '0'.repeat(64), config };
  expect(wentOnBecause(uses, ofOtherCode, withChanges({ ranks: 2 }))).toBeNull();
  const ofOtherKind = { uses: 'train-standalone', fingerprint: fingerprintOf(uses, config), config };
  expect(wentOnBecause(uses, ofOtherKind, withChanges({ ranks: 2 }))).toBeNull();
});
