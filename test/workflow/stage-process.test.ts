import path from 'node:path';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { performStage } from '../../activities/attempt.ts';
import { StallWatch } from '../../activities/progress.ts';
import { runTrainer } from '../../activities/trainer.ts';
import { readManifest } from '../../artifacts/results.ts';
import type { PlanStage } from '../../plan/plan.ts';
import type { StageInput } from '../../plan/results.ts';
import { fixtureEnds } from '../support/fixture-trainer.ts';
import { planOf } from '../support/pipeline-server.ts';
import { stageProcesses } from '../support/stage-processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import type { JsonObject } from '../../plan/json.ts';

const fixture = 'test/support/fixture-trainer.ts';
const LEAST_STALL_MS = 1000;
const heavy = {
  taskQueue: 'gpu',
  activities: {
    'train-supernet': (input: StageInput) =>
      performStage(input, (attempt) => runTrainer(attempt, fixture, new StallWatch(performance.now(), LEAST_STALL_MS))),
  },
  maxHeartbeatThrottleInterval: 100,
} as const;
const server = withPipelineServer(lightActivities(unlimited));
const steps = (epochs: number) =>
  Array.from({ length: epochs }, (_, epoch) => [0, 1, 2, 3, 4].map((step) => `${epoch}.${step}`)).flat();

let root = '';
beforeEach(() => {
  root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
});

function training(end: keyof typeof fixtureEnds, epochs = 3, more: Partial<PlanStage> = {}) {
  const config: JsonObject = JSON.parse(JSON.stringify(tinySupernet({ seed: fixtureEnds[end], epochs })));
  const retry = { maximumAttempts: 3, initialIntervalMs: 100, backoffCoefficient: 1 };
  return planOf({ id: 'one-shot', uses: 'train-supernet', with: config, queue: 'gpu', work: 'heavy', retry, ...more });
}

function fileOf(id: string, name: string): string {
  return path.join(root, id, 'one-shot', name);
}

function stepsMade(id: string): string[] {
  const file = fileOf(id, 'steps.txt');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split(' ') : [];
}

/** The processes that this test's worker has at work on a run. */
function trainersOf(id: string): number[] {
  return stageProcesses(process.pid, id);
}

async function withWorker<T>(body: (stop: () => Promise<void>) => Promise<T>): Promise<T> {
  const stop = await server.work(heavy);
  try {
    return await body(stop);
  } finally {
    await stop();
  }
}

test('a trained stage is chosen from, its supernet is linked, and the choice stands in the manifest', async () => {
  const plan = training('well');
  await withWorker(async () => {
    const run = await server.start(plan);
    await run.handle.result();
    expect(await run.stage('one-shot')).toMatchObject({
      state: 'done',
      epoch: 2,
      tau: 0.7,
      supernet: `${plan.id}/one-shot/0.7000_2.safetensors`,
    });
  });
  expect(readFileSync(fileOf(plan.id, 'supernet_max_kt.safetensors'), 'utf8')).toBe('supernet 2');
  const manifest = await readManifest(root, `${plan.id}/one-shot`);
  expect(manifest).toMatchObject({
    state: 'done',
    selection: { epoch: 2, by: 'rule' },
    attempts: [{ ending: 'done', device: 'cpu', phases: { training: expect.any(Number) } }],
  });
});

test('a process that crashes or is killed is started again and goes on at its checkpoint', async () => {
  await withWorker(async () => {
    for (const end of ['crash', 'killed'] as const) {
      const plan = training(end);
      const run = await server.start(plan);
      await run.handle.result();
      expect(stepsMade(plan.id)).toEqual(steps(3));
      const manifest = await readManifest(root, `${plan.id}/one-shot`);
      expect(manifest?.attempts.map(({ ending }) => ending)).toEqual(['Crashed', 'done']);
    }
  });
});

test('a stage that saves something between kills runs on, however often it is killed', async () => {
  const plan = training('killedOften', 1);
  await withWorker(async () => {
    const run = await server.start(plan);
    await run.handle.result();
    // One kill a step, but for the last step of an epoch; three tries that save nothing would park it.
    expect(await run.stage('one-shot')).toMatchObject({ state: 'done', attempts: 5 });
  });
  expect(stepsMade(plan.id)).toEqual(steps(1));
});

test('a stage that is killed again and again at one place parks after its tries, and the error says what is known', async () => {
  await withWorker(async () => {
    const run = await server.start(training('killedThere'));
    const { error, attempts } = await run.untilStage('one-shot', 'parked');
    // The first one has saved a checkpoint.
    expect(attempts).toBe(4);
    expect(error).toMatch(
      /^Crashed: the process was ended by SIGKILL, .*the machine has \d+\.\d GiB of \d+\.\d GiB to spare, the kernel ended 0 processes for want of memory meanwhile; its last output is in .*\/trainer\.log; this was try 3 of 3 since something was last saved$/,
    );
    await run.handle.terminate();
  });
});

test('NaN and bad input park at the first attempt, each under its own name', async () => {
  await withWorker(async () => {
    const run = await server.start(training('nan'));
    expect((await run.untilStage('one-shot', 'parked')).error).toBe('NaNLoss: epoch 0, step 3: the loss is NaN');
    expect((await run.stage('one-shot')).attempts).toBe(1);
    await run.handle.terminate();
    const wrong = await server.start(training('well', 0));
    expect((await wrong.untilStage('one-shot', 'parked')).error).toMatch(/^BadInput: one-shot\.with\.epochs: /);
    expect(existsSync(path.join(root, wrong.handle.workflowId))).toBe(false);
    await wrong.handle.terminate();
  });
});

test('an attempt whose time is up is killed at once and writes nothing more', async () => {
  const retry = { maximumAttempts: 1, initialIntervalMs: 100, backoffCoefficient: 1 };
  const plan = training('patient', 9, { retry, timeout: { startToCloseMs: 3000, heartbeatMs: 1000 } });
  await withWorker(async () => {
    const run = await server.start(plan);
    const { error } = await run.untilStage('one-shot', 'parked');
    // Told is the time since its claim, and on a busy machine that comes later than the server's start.
    expect(error).toMatch(
      /got 1 tries in a row that saved nothing; the last one ran on .* for ([1-9]|\d\d)\.\d s of at most 3\.0 s /,
    );
    const endings = async () => (await readManifest(root, `${plan.id}/one-shot`))?.attempts.map(({ ending }) => ending);
    await expect.poll(endings, { timeout: 60_000 }).toEqual(['Interrupted']);
    expect(trainersOf(plan.id)).toEqual([]);
    const look = async () => ({ steps: stepsMade(plan.id), manifest: await readManifest(root, `${plan.id}/one-shot`) });
    const before = await look();
    await sleep(500);
    expect(await look()).toEqual(before);
    // Asked to stop, it would have written where it was.
    expect(before.manifest?.checkpoints).toEqual([]);
    await run.handle.terminate();
  });
});

test('a trainer that lives but makes no step is given up, and the next attempt goes on at its checkpoint', async () => {
  const plan = training('stall', 2);
  await withWorker(async () => {
    const run = await server.start(plan);
    await run.handle.result();
  });
  expect(stepsMade(plan.id)).toEqual(steps(2));
  const manifest = await readManifest(root, `${plan.id}/one-shot`);
  expect(manifest?.attempts.map(({ ending }) => ending)).toEqual(['Stalled', 'done']);
});

test('pause stops the process at a checkpoint, and resume goes on without a step twice', async () => {
  const plan = training('patient', 2);
  await withWorker(async () => {
    const run = await server.start(plan);
    await expect.poll(() => existsSync(fileOf(plan.id, 'steps.txt')), { timeout: 60_000 }).toBe(true);
    await expect.poll(() => trainersOf(plan.id), { timeout: 60_000 }).toHaveLength(1);
    await run.handle.signal('pause');
    await run.untilStage('one-shot', 'paused');
    // Its device is free.
    expect(trainersOf(plan.id)).toEqual([]);
    const before = stepsMade(plan.id);
    expect(before.length).toBeLessThan(10);
    await run.handle.signal('resume');
    await run.handle.result();
  });
  expect(stepsMade(plan.id)).toEqual(steps(2));
});

test('a cancelled run ends at a checkpoint, and started again it goes on there', async () => {
  const plan = training('patient', 2);
  await withWorker(async () => {
    const run = await server.start(plan);
    await expect.poll(() => existsSync(fileOf(plan.id, 'steps.txt')), { timeout: 60_000 }).toBe(true);
    await run.handle.cancel();
    await expect(run.handle.result()).rejects.toThrow('cancelled');
    expect((await readManifest(root, `${plan.id}/one-shot`))?.attempts).toMatchObject([{ ending: 'Cancelled' }]);
    const again = await server.start(plan);
    await again.handle.result();
  });
  expect(stepsMade(plan.id)).toEqual(steps(2));
});

test('a worker that shuts down hands its stage to another one, and no attempt is used up', async () => {
  const plan = training('patient', 2, { retry: { maximumAttempts: 1, initialIntervalMs: 100, backoffCoefficient: 1 } });
  const run = await withWorker(async () => {
    const started = await server.start(plan);
    await expect.poll(() => existsSync(fileOf(plan.id, 'steps.txt')), { timeout: 60_000 }).toBe(true);
    return started;
  });
  await withWorker(async () => await run.handle.result());
  expect(stepsMade(plan.id)).toEqual(steps(2));
  const manifest = await readManifest(root, `${plan.id}/one-shot`);
  expect(manifest?.attempts.map(({ ending, token }) => [token.round, ending])).toEqual([
    [1, 'WorkerShutdown'],
    [2, 'done'],
  ]);
});
