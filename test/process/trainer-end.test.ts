import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { PhaseClock, StallWatch } from '../../activities/progress.ts';
import { runTrainer } from '../../activities/trainer.ts';
import { openStore } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { Job } from '../../nas/process/protocol.ts';
import type { Progress } from '../../nas/process/protocol.ts';
import type { JsonObject } from '../../plan/json.ts';
import { settledIn } from '../support/settled-in.ts';
import { claim, directory, tokenOf } from '../support/stage-claim.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// How a stage ends whose process says what the test lays down, and ends as it does.

const place = { epoch: 0, epochs: 2, step: 3, steps: 7 };
const progress: Progress = { version: 1, type: 'progress', phase: 'training', ...place };
const done = { version: 1, type: 'done', outputs: { made: 'all of it' } };
const stopped = { version: 1, type: 'stopped' };
const failed = { version: 1, type: 'failed', ending: 'NaNLoss', message: 'epoch 0, step 3: the loss is NaN' };

interface Script {
  /** What it says first, by rank. */
  readonly says: readonly (readonly object[])[];
  /** Then it is at work for so many milliseconds. */
  readonly lasts?: number;
  /** It waits to be asked to stop, and says this then. */
  readonly asked?: readonly object[];
  /** It ends with, by rank; for ever at work where null. */
  readonly code: readonly (number | null)[];
}

interface Ended {
  readonly outputs: JsonObject | null;
  readonly error: unknown;
  readonly reports: readonly unknown[];
  readonly phases: PhaseClock;
  readonly text: (name: string) => string;
  readonly stage: HeldStage;
}

/** Runs the script on as many devices as it has ends; it is asked to stop after its first word if it waits for that. */
async function run(
  { says, lasts = 0, asked, code }: Script,
  watch?: StallWatch,
  environment = new MockActivityEnvironment(),
): Promise<Ended> {
  const config = JSON.parse(
    JSON.stringify({ threads: 1, says, lasts, waits: asked !== undefined, asked: asked ?? [], code }),
  );
  const stage = await HeldStage.claim(openStore(temporaryFolder()), directory, tokenOf(), claim);
  const cancelled = new ActivityCancellationDetails({ cancelRequested: true });
  const folder = await stage.store.workFolder(directory);
  const reports: unknown[] = [];
  const attempt = {
    input: { stage: 'one-shot', uses: 'train-supernet', directory, round: 1, with: config },
    runs: { as: 'process', entry: 'unused' } as const,
    stage,
    folder,
    devices: code.map((_, rank) => (code.length === 1 ? 'cpu' : `gpu:${rank}`)),
    phases: new PhaseClock(),
    report: (said: unknown) => {
      reports.push(said);
      if (asked !== undefined) environment.cancel('CANCELLED', cancelled);
    },
  };
  const end = await settledIn(environment, () => runTrainer(attempt, 'test/support/scripted-process.ts', watch));
  const ended =
    end.status === 'fulfilled' ? { outputs: end.value, error: null } : { outputs: null, error: end.reason as unknown };
  const text = (name: string): string => readFileSync(path.join(folder, name), 'utf8');
  return { ...ended, reports, phases: attempt.phases, text, stage };
}

test('a stage is done where its process says so and ends well, also if it was asked to stop in that moment', async () => {
  const at = await run({ says: [[progress, done]], code: [0] });
  expect(at).toMatchObject({ outputs: { made: 'all of it' }, error: null, reports: [progress] });
  expect(Object.keys(at.phases.seconds()!)).toEqual(['training']);
  expect((await run({ says: [[progress]], asked: [done], code: [0] })).outputs).toEqual({ made: 'all of it' });
});

test('a process gets its whole order as a file, and what it prints is kept', async () => {
  const { text, stage } = await run({ says: [[progress, done]], code: [0] });
  const job = Job.parse(JSON.parse(text('job.json')));
  expect(job).toEqual({
    version: 1,
    kind: 'train-supernet',
    token: stage.token,
    results: stage.root,
    directory,
    fingerprint: claim.fingerprint,
    threads: 1,
    with: expect.objectContaining({ code: [0] }),
  });
  const [begin, said, end] = text('trainer.log').split('\n');
  expect([begin, end]).toEqual([expect.stringMatching(/^--- \d{4}-\S+Z .*scripted-process/), '']);
  // One thread for each processor makes images.
  const pool = process.env['UV_THREADPOOL_SIZE'] ?? String(Math.max(availableParallelism(), 4));
  const given = { rank: 0, addresses: '', device: 'cpu', pool, results: stage.root, stage: directory };
  expect(JSON.parse(said!)).toEqual(given);
});

test.each([
  [
    'ends badly',
    { says: [[progress, done]], code: [3] },
    'Crashed',
    /exit code 3, it was at training, epoch 0, step 3 of 7, .*; its last output is in quick\/one-shot\/trainer\.log$/,
  ],
  ['says nothing and ends well', { says: [[]], code: [0] }, 'Crashed', /exit code 0, it had not said what it was at, /],
  ['says what went wrong', { says: [[progress, failed]], code: [1] }, 'NaNLoss', /^epoch 0, step 3: the loss is NaN$/],
  [
    'says what nobody understands',
    { says: [[progress, { odd: 1 }]], code: [null] },
    'Crashed',
    /^expected messages of the protocol, got /,
  ],
  [
    'was asked to stop by somebody else',
    { says: [[stopped]], code: [0] },
    'Interrupted',
    /^paused or reset by an operator; a checkpoint is written$/,
  ],
  [
    'stops as asked',
    { says: [[progress]], asked: [stopped], code: [0] },
    'Interrupted',
    /^stopped as asked; a checkpoint is written$/,
  ],
  [
    'ends when asked to stop',
    { says: [[progress]], asked: [], code: [0] },
    'Interrupted',
    /^stopped as asked; the next attempt goes on at the last checkpoint$/,
  ],
  [
    'fails when asked to stop',
    { says: [[progress]], asked: [failed], code: [1] },
    'Interrupted',
    /^stopped as asked; the next/,
  ],
] as const)('a process that %s ends its attempt as that', async (_, script, ending, message) => {
  const { outputs, error } = await run(script);
  expect(outputs).toBeNull();
  expect(error).toMatchObject({ ending, message: expect.stringMatching(message) });
});

test('a process that gets no further is ended', async () => {
  const watch = new StallWatch(performance.now() - 3_600_000);
  const { error } = await run({ says: [[]], code: [null] }, watch);
  expect(error).toMatchObject({
    ending: 'Stalled',
    message: 'the process lives but makes no step; the next attempt goes on at the last checkpoint',
  });
});

test('processes that work together know each other, each has its device and its log, and the first one speaks for all', async () => {
  // Long enough to be looked at.
  const { outputs, text } = await run({ says: [[progress, done], [progress]], lasts: 2500, code: [0, 0] });
  expect(outputs).toEqual({ made: 'all of it' });
  const [first, second] = ['trainer.log', 'trainer.1.log'].map((name) => JSON.parse(text(name).split('\n')[1]!));
  expect(first.addresses).toMatch(/^127\.0\.0\.1:\d+,127\.0\.0\.1:\d+$/);
  expect([first, second]).toMatchObject([
    { rank: 0, addresses: first.addresses, device: 'gpu:0' },
    { rank: 1, addresses: first.addresses, device: 'gpu:1' },
  ]);
});

test('where one of several processes ends badly all of them end, and it says why', async () => {
  const alone = await run({
    says: [
      [progress, done],
      [progress, failed],
    ],
    code: [null, 1],
  });
  expect(alone.error).toMatchObject({ ending: 'NaNLoss', message: failed.message });
  const silent = await run({ says: [[progress, done], []], code: [null, 5] });
  expect(silent.error).toMatchObject({
    ending: 'Crashed',
    message: expect.stringMatching(/exit code 5, .*; its last output is in quick\/one-shot\/trainer\.1\.log$/),
  });
});

test('an attempt that is cancelled before its process has begun stops it all the same', async () => {
  const environment = new MockActivityEnvironment();
  environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
  const { error } = await run({ says: [[]], asked: [], code: [0] }, undefined, environment);
  expect(error).toMatchObject({ by: 'cancel', ending: 'Interrupted' });
});
