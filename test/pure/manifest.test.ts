import { describe, expect, test } from 'vitest';
import { allFilesOf, filesOf, namedFiles, nextManifest, noticeOf, parseManifest } from '../../artifacts/manifest.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { finishedManifest } from '../support/manifests.ts';
import { tokenOf } from '../support/stage-claim.ts';

const hash = (digit: string): string => digit.repeat(64);
const accuracy = { top1: 0.5, top5: 0.9 };
const time = '2026-01-01T00:00:00Z';
const epoch = { epoch: 0, tau: 0.5, interval: null, loss: 1, min: accuracy, max: accuracy, groundTruth: [0.5] };

/** A manifest with something in all that it can have. */
const full: Manifest = {
  ...finishedManifest('r/one/out'),
  sequence: 3,
  nonce: 'n',
  token: tokenOf(),
  environment: { node: 'v22.1.0', threads: 2 },
  origin: { pipeline: 'p.yml', params: { x: 1 }, set: ['x=1'], keep: ['checkpoints'] },
  epochs: [
    { ...epoch, file: 'r/one/0.5_0', sha256: hash('1'), bytes: 7, groundTruthLosses: [1.5] },
    { ...epoch, epoch: 1, tau: null, interval: [-1, 1], file: null, sha256: null, bytes: null },
  ],
  checkpoints: [{ epoch: 0, step: 4, file: 'r/one/checkpoint', sha256: hash('2') }],
  chunks: [{ from: 0, to: 1, file: 'r/one/chunk', sha256: hash('3') }],
  selection: { epoch: 0, tau: 0.5, by: 'rule', who: 'max', when: time, why: '' },
  files: [{ file: 'r/one/table', sha256: hash('4') }],
  extras: [{ file: 'r/one/log', sha256: hash('5') }],
  notices: ['said'],
  reused: { from: 'q/one', why: 'same fingerprint' },
  attempts: [
    {
      token: tokenOf(),
      host: 'h',
      pid: 1,
      device: 'cpu',
      queued: time,
      started: time,
      saved: time,
      ended: time,
      ending: 'done',
      phases: { training: 0 },
    },
  ],
};

function refusal(change: object): string {
  try {
    parseManifest(JSON.stringify({ ...full, ...change }), 'm');
  } catch (error) {
    return String(error);
  }
  return '';
}

describe('a manifest', () => {
  test('is read as it was written', () => {
    expect(parseManifest(JSON.stringify(full), 'm')).toEqual(full);
  });

  test('of release 0.1.0 lacks what came later', () => {
    const later = { sequence: undefined, nonce: undefined, extras: undefined, notices: undefined };
    const latest = { begunAs: undefined, origin: undefined, files: undefined, reused: undefined };
    const attempt = { ...full.attempts[0]!, saved: undefined, phases: undefined };
    const old = { ...full, ...later, ...latest, version: 1, attempts: [attempt] };
    expect(parseManifest(JSON.stringify(old), 'm')).toEqual({
      ...full,
      sequence: 0,
      nonce: '',
      begunAs: null,
      origin: null,
      files: [],
      extras: [],
      notices: [],
      reused: null,
      attempts: [{ ...attempt, saved: null, phases: null }],
    });
  });

  test.each([
    [{ version: 3 }, 'version: expected 1 or 2, as a newer release wrote it; read it with that'],
    [{ sequence: -1 }, 'sequence: '],
    [{ stage: '' }, 'stage: '],
    [{ uses: '' }, 'uses: '],
    [{ fingerprint: 'f' }, 'fingerprint: expected 64 hex digits'],
    [{ fingerprint: `${hash('f')}f` }, 'fingerprint: expected 64 hex digits'],
    [{ fingerprint: `f${hash('g')}` }, 'fingerprint: expected 64 hex digits'],
    [{ state: 'begun' }, 'state: '],
    [{ another: 1 }, 'manifest: '],
    [{ epochs: [{ ...full.epochs[0], epoch: -1 }] }, 'epochs.0.epoch: '],
    [{ epochs: [{ ...full.epochs[0], tau: 1.1 }] }, 'epochs.0.tau: '],
    [{ epochs: [{ ...full.epochs[0], tau: -1.1 }] }, 'epochs.0.tau: '],
    [{ epochs: [{ ...full.epochs[0], bytes: -1 }] }, 'epochs.0.bytes: '],
    [{ epochs: [{ ...full.epochs[0], file: '' }] }, 'epochs.0.file: '],
    [{ epochs: [{ ...full.epochs[0], interval: [1] }] }, 'epochs.0.interval'],
    [{ epochs: [{ ...full.epochs[0], min: { top1: 1 } }] }, 'epochs.0.min.top5: '],
    [{ epochs: [{ ...full.epochs[0], more: 1 }] }, 'epochs.0: '],
    [{ checkpoints: [{ ...full.checkpoints[0], step: -1 }] }, 'checkpoints.0.step: '],
    [{ checkpoints: [{ ...full.checkpoints[0], epoch: -1 }] }, 'checkpoints.0.epoch: '],
    [{ chunks: [{ ...full.chunks[0], to: 0 }] }, 'chunks.0.to: '],
    [{ chunks: [{ ...full.chunks[0], from: -1 }] }, 'chunks.0.from: '],
    [{ selection: { ...full.selection, epoch: -1 } }, 'selection.epoch: '],
    [{ selection: { ...full.selection, by: 'chance' } }, 'selection.by: '],
    [{ selection: { ...full.selection, when: 'today' } }, 'selection.when: '],
    [{ attempts: [{ ...full.attempts[0], queued: 'today' }] }, 'attempts.0.queued: '],
    [{ attempts: [{ ...full.attempts[0], phases: { training: -1 } }] }, 'attempts.0.phases.training: '],
    [{ origin: { ...full.origin, keep: ['everything'] } }, 'origin.keep.0: '],
    [{ origin: { ...full.origin, more: 1 } }, 'origin: '],
    [{ environment: { threads: true } }, 'environment.threads: '],
    [{ files: [{ file: 'x' }] }, 'files.0.sha256: '],
    [{ reused: { from: '', why: '' } }, 'reused.from: '],
  ])('that says %j is refused', (change, expected) => {
    const message = refusal(change);
    expect(message).toContain(`m: ${expected}`);
    expect(message).toMatch(/; undo the edit, or remove the file to go on from the one before it$/);
  });

  test('that is no JSON is refused, and all that is wrong is told at once', () => {
    expect(() => parseManifest('{"version":', 'm')).toThrow(/^m: expected JSON, got SyntaxError.*; undo the edit/);
    expect(refusal({ stage: '', uses: '' })).toMatch(/m: stage: .*; uses: .*; undo/);
  });

  test('is followed by one with the next number and a mark of its own', () => {
    const [first, second] = [nextManifest('r/one', null, full), nextManifest('r/one', full, full)];
    expect(first).toEqual({ ...full, sequence: 1, nonce: first.nonce });
    expect(second).toEqual({ ...full, sequence: 4, nonce: second.nonce });
    expect(first.nonce).toMatch(/^[0-9a-f]{16}$/);
    expect(second.nonce).not.toBe(first.nonce);
    expect(() => nextManifest('r/one', null, { ...full, stage: '' })).toThrow(
      'r/one: refusing to write a manifest that breaks its schema',
    );
  });
});

test('the files of a result are its outputs, the epochs that are kept and what belongs to them; the others help to make it', () => {
  const out = { file: 'r/one/out', sha256: hash('0') };
  const kept = { file: 'r/one/0.5_0', sha256: hash('1') };
  const table = { file: 'r/one/table', sha256: hash('4') };
  expect(filesOf(full)).toEqual([out, kept, table]);
  expect(filesOf({ ...full, outputs: null })).toEqual([kept, table]);
  expect(filesOf({ ...full, epochs: [{ ...full.epochs[0]!, sha256: null }] })).toEqual([out, table]);
  expect(filesOf({ ...full, epochs: [{ ...full.epochs[0]!, file: null }] })).toEqual([out, table]);
  expect(allFilesOf(full).map(({ file }) => file.slice('r/one/'.length))).toEqual([
    'out',
    '0.5_0',
    'table',
    'checkpoint',
    'chunk',
    'log',
  ]);
});

test.each([
  [null, []],
  ['text', []],
  [[1, 'x', null], []],
  [{ file: 'a' }, []],
  [{ sha256: '1' }, []],
  [{ file: 3, sha256: '1' }, []],
  [{ file: 'a', sha256: 3 }, []],
  [{ file: 'a', sha256: null }, []],
  [{ file: 'a', sha256: '1', tau: 0.5 }, [{ file: 'a', sha256: '1' }]],
  [
    { list: [{ file: 'a', sha256: '1' }, { deep: { file: 'b', sha256: '2' } }] },
    [
      { file: 'a', sha256: '1' },
      { file: 'b', sha256: '2' },
    ],
  ],
  [
    { top1: 'a', top5: 'b', other: 'c', sha256: { top1: '1', top5: '2', none: '3' } },
    [
      { file: 'a', sha256: '1' },
      { file: 'b', sha256: '2' },
    ],
  ],
])('%j names these files', (value, expected) => {
  expect(namedFiles(value)).toEqual(expected);
});

test('work that went on elsewhere says what was different there, but for Node.js and what was not known', () => {
  const before = { node: 'v20', threads: 1, device: 'cpu', tensorflow: '2.20' };
  expect(noticeOf(before, { node: 'v22', threads: 1, device: 'cpu', tensorflow: '2.20', fresh: 'x' })).toBeNull();
  expect(noticeOf(before, { node: 'v22', threads: 2, device: 'cpu', tensorflow: '2.21' })).toBe(
    'went on where threads was 1 and is 2, tensorflow was 2.20 and is 2.21: the rest may have other bits than without the change',
  );
});
