import { NativeConnection } from '@temporalio/worker';
import type { Worker } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { DevicePool, onDevices } from '../../activities/device-pool.ts';
import { CONTROL_QUEUE } from '../../plan/names.ts';
import type { PlanStage, Priority } from '../../plan/plan.ts';
import type { StageInput } from '../../plan/results.ts';
import { readRun } from '../../runs/run.ts';
import { unlimited } from '../../activities/permissions.ts';
import { createHeavyWorkers } from '../../workers/workers.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { planOf } from '../support/pipeline-server.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(plainActivities);
const TAKES_MS = 200;
/** So many that work which is given back for a second comes again before they are done. */
const NARROW = 24;

/** What was at work, in the order in which it began. */
class Diary {
  readonly begun: { readonly stage: string; readonly worker: string; readonly devices: readonly string[] }[] = [];
  #busy = 0;
  most = 0;

  activitiesOn(worker: string): (pool: DevicePool) => object {
    return (pool) => ({
      echo: async (input: StageInput) =>
        await onDevices(pool, input, async (devices) => {
          this.begun.push({ stage: input.stage, worker, devices });
          this.#busy += devices.length;
          this.most = Math.max(this.most, this.#busy);
          await sleep(Number(input.with['ms'] ?? TAKES_MS));
          this.#busy -= devices.length;
          return { outputs: {}, choices: null, chosen: null, attempt: 1, reused: null };
        }),
    });
  }
}

async function withWorkers(
  diary: Diary,
  workers: Readonly<Record<string, readonly string[]>>,
  body: () => Promise<void>,
  queue = 'gpu',
) {
  const { address } = server.environment;
  // Each as a process of its own would have it.
  const connections = await Promise.all(
    Object.keys(workers).map(async () => await NativeConnection.connect({ address })),
  );
  const all: Worker[] = [];
  for (const [at, [name, devices]] of Object.entries(workers).entries()) {
    all.push(
      ...(await createHeavyWorkers(
        connections[at]!,
        'default',
        { pool: new DevicePool(devices), queue, permissions: unlimited },
        diary.activitiesOn(name),
      )),
    );
  }
  const ended = Promise.all(all.map((worker) => worker.run()));
  try {
    await body();
  } finally {
    for (const worker of all) worker.shutdown();
    await ended;
    for (const connection of connections) await connection.close();
  }
}

async function waitOfFirst(run: string): Promise<string | undefined> {
  return (await readRun(server.client, run)).work[0]?.waits;
}

const heavy = { uses: 'echo', queue: 'gpu', work: 'heavy' } as const;
/** One after the other, so that a wide one comes while narrow ones are at work and wait. */
const mixed = (): PlanStage[] => [
  ...planOf({ id: 'narrow', ...heavy, matrix: Array.from({ length: NARROW }, (_, part) => ({ part })) }).stages,
  ...planOf({ id: 'wide', ...heavy, with: { ranks: 2 } }).stages,
  ...planOf({ id: 'wider', ...heavy, with: { ranks: 3 } }).stages,
];

test('work for one, two and three devices shares a worker of three: never more than there are, nobody starves', async () => {
  const diary = new Diary();
  await withWorkers(diary, { large: ['cpu', 'cpu', 'cpu'] }, async () => {
    await (await server.start({ ...planOf(), stages: mixed() })).handle.result();
  });
  const stages = diary.begun.map(({ stage }) => stage);
  expect(stages.toSorted()).toEqual(
    [...Array.from({ length: NARROW }, (_, at) => `narrow.${at + 1}`), 'wide', 'wider'].toSorted(),
  );
  expect(diary.most).toBeLessThanOrEqual(3);
  expect(diary.begun.find(({ stage }) => stage === 'wide')?.devices).toHaveLength(2);
  expect(diary.begun.find(({ stage }) => stage === 'wider')?.devices).toHaveLength(3);
  // Asked for by the worker while narrow work is still there.
  expect(stages.indexOf('wide')).toBeLessThan(stages.length - 1);
});

test('work that needs two devices goes to the worker that has them, and that for one to whoever is free', async () => {
  const diary = new Diary();
  await withWorkers(diary, { small: ['cpu'], large: ['cpu', 'cpu'] }, async () => {
    const stages = mixed().slice(0, 2);
    await (await server.start({ ...planOf(), stages })).handle.result();
  });
  expect(diary.begun.filter(({ stage }) => stage === 'wide')).toMatchObject([{ worker: 'large' }]);
  expect(diary.begun.some(({ worker }) => worker === 'small')).toBe(true);
});

test('a wait for devices is no part of the time that a stage may take', async () => {
  const diary = new Diary();
  await withWorkers(diary, { large: ['cpu', 'cpu'] }, async () => {
    const narrow = { id: 'narrow', ...heavy, with: { ms: 2000 } };
    // Together with its wait it would take a second too long.
    const timeout = { startToCloseMs: 3000, heartbeatMs: 3000 };
    const wide = { id: 'wide', ...heavy, with: { ranks: 2, ms: 2000 }, timeout };
    const first = await server.start(planOf(narrow));
    while (diary.begun.length === 0) await sleep(10);
    await Promise.all([(await server.start(planOf(wide))).handle.result(), first.handle.result()]);
  });
  expect(diary.begun.map(({ stage }) => stage)).toEqual(['narrow', 'wide']);
});

test('work that no worker has devices for says so, and is begun when one comes that has', async () => {
  const diary = new Diary();
  // The server remembers for minutes who has asked a queue for work.
  const queue = 'seldom';
  const plan = planOf({ id: 'wider', ...heavy, queue, with: { ranks: 3 } });
  const run = await server.start(plan);
  await withWorkers(
    diary,
    { small: ['cpu', 'cpu'] },
    async () => {
      while (!(await waitOfFirst(plan.id))?.includes('largest')) await sleep(100);
      expect(await waitOfFirst(plan.id)).toBe('waits for a worker with 3 free devices; the largest has 2');
    },
    queue,
  );
  expect(diary.begun).toEqual([]);
  await withWorkers(diary, { large: ['cpu', 'cpu', 'cpu'] }, async () => void (await run.handle.result()), queue);
  expect(diary.begun).toMatchObject([{ stage: 'wider', worker: 'large' }]);
});

test('work of a run with a higher priority goes before that which has waited longer', async () => {
  const [queue, diary] = ['crowded', new Diary()];
  const waiting = async (name: string, priority: Priority | undefined) => {
    const plan = planOf({ id: name, uses: 'echo', queue, work: 'heavy', matrix: [{ part: 1 }, { part: 2 }] });
    const run = await server.start({ ...plan, ...(priority === undefined ? {} : { priority }) });
    await run.untilStage(name, 'running');
    return run;
  };
  const runs = [await waiting('late', { priorityKey: 5 }), await waiting('plain', undefined)];
  const inner = planOf({ id: 'first', uses: 'echo', queue, work: 'heavy', matrix: [{ part: 1 }, { part: 2 }] });
  const outer = planOf({ id: 'outer', uses: 'pipeline', plan: inner, queue: CONTROL_QUEUE });
  runs.push(await server.start({ ...outer, priority: { priorityKey: 1 } }));
  const queued = async (): Promise<number> =>
    (await readRun(server.client, `${runs[2]!.handle.workflowId}.outer`)).work.length;
  await expect.poll(async () => await queued().catch(() => 0), { timeout: 20_000 }).toBe(2);
  await withWorkers(
    diary,
    { one: ['cpu'] },
    async () => void (await Promise.all(runs.map((run) => run.handle.result()))),
    queue,
  );
  const order = diary.begun.map(({ stage }) => stage.split('.')[0]);
  expect(order).toEqual(['first', 'first', 'plain', 'plain', 'late', 'late']);
});
