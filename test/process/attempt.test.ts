import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { performStage } from '../../activities/attempt.ts';
import type { StageAttempt } from '../../activities/attempt.ts';
import { FolderStore } from '../../artifacts/folder-store.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { openStore, readManifest } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { KnownError } from '../../plan/endings.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { StageInput, StageResult } from '../../plan/results.ts';
import { finishedStage } from '../support/finished-stage.ts';
import { claim, tokenOf } from '../support/stage-claim.ts';
import { noted } from '../support/stores.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// The frame around the work of a stage, in activities of a run called `test`; the work is a function of the test.

const directory = 'test/a';
const retry = { maximumAttempts: 2, initialIntervalMs: 100, backoffCoefficient: 3 };
const input: StageInput = { stage: 'a', uses: 'command', directory, round: 1, with: { run: ['true'] }, retry };
const info = { scheduledTimestampMs: 1000, currentAttemptScheduledTimestampMs: 61_000, startToCloseTimeoutMs: 5000 };

type Work = (attempt: StageAttempt) => Promise<JsonObject>;
type Info = ConstructorParameters<typeof MockActivityEnvironment>[0];

let root = '';
beforeEach(() => {
  root = temporaryFolder();
  vi.stubEnv('NAS_RESULTS', root);
});
afterEach(() => void vi.unstubAllEnvs());

const done: Work = async () => ({ made: 1 });

async function perform(work: Work = done, changes: Partial<StageInput> = {}, more: Info = {}): Promise<StageResult> {
  const activity = async (given: StageInput): Promise<StageResult> =>
    await performStage(given, work, ['gpu:0', 'gpu:1']);
  const environment = new MockActivityEnvironment({ ...info, ...more });
  return await environment.run<[StageInput], StageResult, typeof activity>(activity, { ...input, ...changes });
}

const manifestOf = async (): Promise<Manifest> => (await readManifest(root, directory))!;

test('what the work made is committed, and the ledger says where, when and for how long it was at work', async () => {
  const origin = { pipeline: 'p.yml', params: {}, set: [] };
  const result = await perform(
    async ({ input: given, runs, folder, devices, phases }) => {
      expect([runs.as, given.with, devices]).toEqual([
        'program',
        expect.objectContaining({ outputs: {} }),
        ['gpu:0', 'gpu:1'],
      ]);
      expect([folder, existsSync(folder)]).toEqual([path.join(root, directory), true]);
      phases.enter('running');
      phases.enter(null);
      return { made: 1 };
    },
    { origin, runStarted: 900, round: 4 },
    { attempt: 2 },
  );
  expect(result).toEqual({ outputs: { made: 1 }, choices: null, chosen: null, attempt: 2, reused: null });
  const { attempts, ...manifest } = await manifestOf();
  expect(manifest).toMatchObject({ state: 'done', uses: 'command', outputs: { made: 1 }, origin });
  expect(manifest.environment).toHaveProperty('node', process.version);
  expect(attempts).toMatchObject([
    {
      token: {
        workflowId: 'test',
        stage: 'a',
        round: 4,
        attempt: 2,
        ordered: 1000,
        scheduled: 61_000,
        runStarted: 900,
      },
      host: hostname(),
      device: 'gpu:0,gpu:1',
      queued: '1970-01-01T00:01:01.000Z',
      ending: 'done',
      phases: { running: expect.any(Number) },
    },
  ]);
});

test('done already, it is kept with the reason and found again by its fingerprint, and nothing is claimed', async () => {
  await perform();
  const before = await manifestOf();
  expect(await openStore(root).recall([before.fingerprint])).toEqual([[directory]]);
  rmSync(path.join(root, '.index', before.fingerprint), { recursive: true });
  expect(await openStore(root).recall([before.fingerprint])).toEqual([[]]);
  const again = await perform(async () => {
    throw new Error('it is done');
  });
  expect(again).toEqual({
    outputs: { made: 1 },
    choices: null,
    chosen: null,
    attempt: 1,
    reused: `reused from ${directory}, because inputs, config and code are the same`,
  });
  expect(await manifestOf()).toEqual(before);
  expect(await openStore(root).recall([before.fingerprint])).toEqual([[directory]]);
});

test('what is new and done is found by its fingerprint', async () => {
  // The run was looked through before.
  mkdirSync(path.join(root, '.index/runs'), { recursive: true });
  writeFileSync(path.join(root, '.index/runs/test'), '');
  await perform();
  expect(await openStore(root).recall([(await manifestOf()).fingerprint])).toEqual([[directory]]);
});

test('notices of how it was made come with the result', async () => {
  const result = await perform(async ({ stage }) => {
    await stage.change(noted('made with less'));
    return {};
  });
  expect(result.notices).toEqual(['made with less']);
});

test('a wrong `with`, a folder of another run and an older run without the stage are refused, and nothing is begun', async () => {
  await expect(perform(done, { with: { run: [] } })).rejects.toMatchObject({
    type: 'BadInput',
    nonRetryable: true,
    message: expect.stringMatching(/^a\.with\.run: /),
  });
  await expect(perform(done, { directory: 'other/a' })).rejects.toMatchObject({
    ending: 'BadInput',
    message: 'a: expected a folder of run test, got other/a; start it with `nas start`',
  });
  await expect(perform(done, { reuse: { run: 'old' } })).rejects.toMatchObject({
    type: 'BadInput',
    message: 'a: expected a finished stage in old/a, got none; start from an earlier stage',
  });
  expect(await readManifest(root, directory)).toBeNull();
});

test('what another run made is taken over as asked, and the ledger says so', async () => {
  await finishedStage(root, 'old/a', 'command', { outputs: { made: 7 } });
  const result = await perform(done, { reuse: { run: 'old' } });
  expect(result).toMatchObject({ outputs: { made: 7 }, reused: 'taken over from old/a as it is, as asked' });
  expect((await manifestOf()).attempts).toMatchObject([{ ending: 'reused', phases: null }]);
  const again = await perform(done, { reuse: { run: 'old' } });
  expect(again.reused).toBe('taken over from old/a as it is, as asked');
});

const failing: Work = async ({ phases }) => {
  phases.enter('running');
  phases.enter(null);
  throw new KnownError('Stalled', 'it makes no step');
};

const overtaken: Work = async ({ stage }) => {
  await HeldStage.claim(
    stage.store,
    directory,
    { ...stage.token, attempt: 9 },
    { ...claim, fingerprint: stage.manifest.fingerprint },
  );
  throw new KnownError('OutOfMemory', 'no room');
};

describe('work that fails', () => {
  test('is told with its ending and when it is tried again, and stands in the ledger', async () => {
    await expect(perform(failing)).rejects.toMatchObject({
      type: 'Stalled',
      message: 'it makes no step',
      nonRetryable: false,
      nextRetryDelay: 100,
      details: [1],
    });
    await expect(perform(failing, {}, { attempt: 2 })).rejects.toMatchObject({
      message: 'it makes no step; this was try 2 of 2 since something was last saved',
      nonRetryable: true,
    });
    const manifest = await manifestOf();
    expect(manifest).toMatchObject({ state: 'running', outputs: null });
    expect(manifest.attempts).toMatchObject([
      { ending: 'Stalled', phases: { running: expect.any(Number) } },
      { ending: 'Stalled' },
    ]);
    expect(manifest.attempts.every(({ ended }) => ended !== null)).toBe(true);
  });

  test('counts as the first try once it has saved something', async () => {
    await perform(failing).catch(() => undefined);
    const saving: Work = async (attempt) => {
      await attempt.stage.put({ 'half.txt': 'half' });
      return await failing(attempt);
    };
    await expect(perform(saving, {}, { attempt: 2 })).rejects.toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 100,
    });
  });

  test('is told for what it was, also where its end cannot be written down', async () => {
    await expect(perform(overtaken)).rejects.toMatchObject({ type: 'OutOfMemory', message: 'no room' });
    expect((await manifestOf()).attempts.map(({ ending }) => ending)).toEqual([null, null]);
  });

  test('without end is given up, with what is known of the last try', async () => {
    const failed = async (attempt: number): Promise<unknown> =>
      await perform(failing, {}, { attempt }).catch(() => undefined);
    await failed(1);
    await failed(2);
    const progress = { version: 1, type: 'progress', phase: 'training', epoch: 1, epochs: 3, step: 4, steps: 9 };
    const hopeless = perform(done, {}, { attempt: 3, heartbeatDetails: progress });
    const words =
      /^a: expected it to get on, got 2 tries in a row that saved nothing; the last one ran on \S+ \(gpu:0,gpu:1, process \d+\) for \d\.\d s of at most 5\.0 s and ended with Stalled; it was at training, epoch 1, step 4 of 9 when it was last heard of; look at that machine, then retry the stage$/;
    await expect(hopeless).rejects.toMatchObject({
      type: 'Crashed',
      nonRetryable: true,
      details: [3],
      message: expect.stringMatching(words),
    });
    expect((await manifestOf()).attempts).toHaveLength(2);
    // Who says nothing of tries has as many as there are.
    const { retry: _, ...endless } = input;
    const again = new MockActivityEnvironment({ ...info, attempt: 3 }).run(() => performStage(endless, done));
    await expect(again).resolves.toMatchObject({ outputs: { made: 1 } });
  });

  test('of which nobody has word is told by when it was last seen to begin', async () => {
    const manifest = { ...claim, queued: '2026-01-01T00:00:00Z' };
    const token = { ...tokenOf({ runId: '00000000-0000-0000-0000-000000000000' }), workflowId: 'test', stage: 'a' };
    for (const attempt of [1, 2])
      await HeldStage.claim(
        openStore(root),
        directory,
        { ...token, attempt, ordered: 1000, scheduled: 1000 * attempt },
        manifest,
      );
    const started = Date.parse((await manifestOf()).attempts.at(-1)!.started);
    const later = { attempt: 3, currentAttemptScheduledTimestampMs: started + 2500 };
    await expect(perform(done, {}, later)).rejects.toThrow(
      /\(cpu, process \d+\) for 2\.5 s of at most 5\.0 s and ended with no word, as when its worker is killed; look at/,
    );
  });

  test('before any of its tries could claim the stage is given up as well', async () => {
    await expect(perform(done, {}, { attempt: 3 })).rejects.toThrow(
      'a: expected it to get on, got 2 tries in a row that saved nothing; none of them claimed the stage; look at that machine',
    );
    expect((await perform(done, {}, { attempt: 2 })).outputs).toEqual({ made: 1 });
  });
});

test('a store is tried out once, before the first stage', async () => {
  const probe = vi.spyOn(FolderStore.prototype, 'probe');
  onTestFinished(() => probe.mockRestore());
  await perform();
  await perform(done, { directory: 'test/b' });
  expect(probe).toHaveBeenCalledTimes(1);
});

test('logs are kept each minute and at the end, and what hinders that hinders nothing else', async () => {
  const keep = vi.spyOn(FolderStore.prototype, 'keepLogs').mockRejectedValue(new Error('no answer'));
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  onTestFinished(() => {
    keep.mockRestore();
    vi.useRealTimers();
  });
  const seen: number[] = [];
  await perform(async () => {
    for (let minute = 0; minute < 2; minute++) {
      vi.advanceTimersByTime(59_999);
      seen.push(keep.mock.calls.length);
      vi.advanceTimersByTime(1);
    }
    return {};
  });
  expect(seen).toEqual([0, 1]);
  expect(keep.mock.calls).toEqual([[directory], [directory], [directory]]);
  vi.advanceTimersByTime(600_000);
  expect(keep).toHaveBeenCalledTimes(3);
});
