import { hostname } from 'node:os';
import { expect, test } from 'vitest';
import { emptyManifest, takenUp, withAttempt, withToken } from '../../artifacts/claim.ts';
import { nextManifest } from '../../artifacts/manifest.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';

const token = tokenOf();
const later = tokenOf({ attempt: 2 });
const origin = { pipeline: 'pipelines/quickstart.yml', params: {}, set: [] };

test('an attempt writes down who it is, once, and leaves those before it as they were', () => {
  const empty = emptyManifest(token, claim);
  expect(empty).toMatchObject({ stage: 'one-shot', state: 'running', environment: {}, origin: null, attempts: [] });
  const first = withToken(empty, token, { ...claim, origin });
  const began = Date.now();
  expect(first.attempts).toEqual([
    {
      token,
      host: hostname(),
      pid: process.pid,
      device: 'cpu',
      queued: claim.queued,
      started: expect.any(String),
      saved: null,
      ended: null,
      ending: null,
      phases: null,
    },
  ]);
  expect(Math.abs(Date.parse(first.attempts[0]!.started) - began)).toBeLessThan(10_000);
  expect(withToken(first, token, claim).attempts).toEqual(first.attempts);
  const second = withToken(first, later, claim);
  expect(second.attempts.map((attempt) => attempt.token)).toEqual([token, later]);
  expect([first.token, second.token]).toEqual([token, later]);
  // The origin stays where nobody says another.
  expect([first.origin, second.origin]).toEqual([origin, origin]);
});

test('what becomes of an attempt changes its own entry alone', () => {
  const both = withToken(withToken(emptyManifest(token, claim), token, claim), later, claim);
  const ended = withAttempt(both, later, { ending: 'done' });
  expect(ended.attempts.map(({ ending }) => ending)).toEqual([null, 'done']);
});

test('work that is gone on with under another fingerprint says of which it was, and why, once', () => {
  const found = nextManifest(directory, null, emptyManifest(token, claim));
  const other = { ...claim, fingerprint: 'e'.repeat(64), config: { epochs: 3 } };
  const taken = takenUp(found, other, 'the threads differ');
  expect(taken).toMatchObject({
    fingerprint: other.fingerprint,
    begunAs: claim.fingerprint,
    config: other.config,
    notices: ['the threads differ'],
  });
  const again = takenUp({ ...found, ...taken }, claim, 'the threads differ');
  expect(again).toMatchObject({ begunAs: claim.fingerprint, notices: ['the threads differ'] });
  expect(takenUp({ ...found, ...taken }, claim, 'ranks differ').notices).toEqual([
    'the threads differ',
    'ranks differ',
  ]);
});
