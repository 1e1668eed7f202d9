import path from 'node:path';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { NativeConnection } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import type { EpochRecord } from '../../artifacts/manifest.ts';
import { readManifest } from '../../artifacts/results.ts';
import { traceVariable } from '../../nas/process/phase-trace.ts';
import type { Plan } from '../../plan/plan.ts';
import { programFile } from '../../runtime/layout.ts';
import { isAlive } from '../../runtime/processes.ts';
import { readRun } from '../../runs/run.ts';
import { createHeavyWorkers } from '../../workers/workers.ts';
import { openTrace } from '../support/held-stage.ts';
import { isLong } from '../support/long.ts';
import { planOf } from '../support/pipeline-server.ts';
import { stageProcesses } from '../support/stage-processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { tinySupernet } from '../support/training-configs.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(lightActivities(unlimited));
let root = '';
beforeEach(() => {
  root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
});

let stop = async (): Promise<void> => undefined;
beforeAll(async () => {
  const connection = await NativeConnection.connect({ address: server.environment.address });
  const workers = await createHeavyWorkers(connection, 'default', {
    pool: new DevicePool(['cpu', 'cpu']),
    permissions: unlimited,
  });
  const ended = Promise.all(workers.map((worker) => worker.run()));
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await ended;
    await connection.close();
  };
});
afterAll(async () => await stop());

const QUEUE = 'gpu';
/** Of the worker that ends. */
const ELSEWHERE = 'elsewhere';

function training(queue = QUEUE): Plan {
  const config = JSON.parse(JSON.stringify(tinySupernet({ ranks: 2, batch_size: 32, checkpoint_every_steps: 1 })));
  const retry = { maximumAttempts: 5, initialIntervalMs: 100, backoffCoefficient: 1 };
  const stage = { id: 'one-shot', uses: 'train-supernet', with: config, queue, work: 'heavy', retry } as const;
  return { ...planOf(stage), reuse: 'nothing' };
}

/** The plan under its own id, trained by so many ranks with as many images a step. */
function byRanks(ranks: number, plan: Plan): Plan {
  const stages = plan.stages.map((stage) => ({ ...stage, with: { ...stage.with, ranks, batch_size: 64 / ranks } }));
  return { ...plan, stages };
}

async function remainsOf({ id }: Plan) {
  const manifest = (await readManifest(root, `${id}/one-shot`))!;
  const made = manifest.epochs.map((epoch) => ({ ...epoch, file: path.basename(epoch.file!) }));
  return { manifest, made, endings: manifest.attempts.map(({ ending }) => ending) };
}

/** The ranks of a run at work, once both have trained a step or more. */
async function ranksOf({ id }: Plan, worker = process.pid): Promise<number[]> {
  for (;;) {
    const found = stageProcesses(worker, id);
    const saved = await readManifest(root, `${id}/one-shot`);
    if (found.length === 2 && (saved?.checkpoints.length ?? 0) > 0) return found;
    await sleep(20);
  }
}

/** A wish to end reaches an activity with its next heartbeat, within three seconds: more than the rest of a training takes. */
const HEARD_MS = 4000;

/** Traces the stages that begin from now on. The function tells a run something, and keeps its ranks in a step until they have heard. */
async function traced(): Promise<(plan: Plan, tell: () => Promise<void>) => Promise<void>> {
  const trace = await openTrace();
  process.env[traceVariable] = trace.folder;
  onTestFinished(() => void delete process.env[traceVariable]);
  return async ({ id }, tell) => {
    await trace.hold([{ target: 'trainer', piece: `${id}/one-shot`, phase: 'training', visit: 1, delayMs: 0 }]);
    await tell();
    await sleep(HEARD_MS);
    await trace.hold([]);
  };
}

/** A worker of two devices as a process of its own. */
async function startWorker(): Promise<ChildProcess> {
  const program = [server.environment.address, '2', ELSEWHERE];
  const worker = fork(programFile('test/support/worker-process.ts'), program, { execArgv: [] });
  onTestFinished(() => void worker.kill('SIGKILL'));
  await once(worker, 'message');
  return worker;
}

/** To the process of one of the ranks. */
const send = (rank: number, signal: NodeJS.Signals) => (ranks: readonly number[]) => process.kill(ranks[rank]!, signal);

let straight: EpochRecord[] | undefined;

/** What a run makes that nothing disturbs. */
async function undisturbed(): Promise<EpochRecord[]> {
  if (straight !== undefined) return straight;
  const plan = training();
  await (await server.start(plan)).handle.result();
  return (straight = (await remainsOf(plan)).made);
}

test('a stage of two ranks ends in the same bits, whichever rank is killed, halted or out of memory, and leaves none behind', async () => {
  const ours = await undisturbed();
  const broken = training();
  const noMemory = path.join(root, 'no memory');
  process.env['TEST_SHORT_OF_MEMORY'] = noMemory;
  process.env['NODE_OPTIONS'] = `--import ${path.resolve('test/support/short-of-memory.mjs')}`;
  onTestFinished(() => void delete process.env['NODE_OPTIONS']);
  const { handle } = await server.start(broken);
  const killed = { harm: send(1, 'SIGKILL'), withinMs: 10_000, ending: 'Crashed' };
  const outOfMemory = { harm: () => writeFileSync(noMemory, ''), withinMs: 10_000, ending: 'OutOfMemory' };
  const further = [
    { harm: send(0, 'SIGKILL'), withinMs: 10_000, ending: 'Crashed' },
    // Noticed by its heartbeat.
    { harm: send(1, 'SIGSTOP'), withinMs: 60_000, ending: 'Crashed' },
  ];
  const harms = [killed, ...(isLong ? further : []), outOfMemory];
  for (const { harm, withinMs } of harms) {
    const ranks = await ranksOf(broken);
    const told = performance.now();
    harm(ranks);
    while (stageProcesses(process.pid, broken.id).some((pid) => ranks.includes(pid))) await sleep(20);
    expect(performance.now() - told).toBeLessThan(withinMs);
  }
  await handle.result();
  const theirs = await remainsOf(broken);
  expect(theirs.made).toEqual(ours);
  expect(theirs.manifest.attempts.map(({ device }) => device)).toEqual(theirs.manifest.attempts.map(() => 'cpu,cpu'));
  expect(theirs.endings).toEqual([...harms.map(({ ending }) => ending), 'done']);
  expect(stageProcesses(process.pid, broken.id)).toEqual([]);
  expect(readFileSync(path.join(root, broken.id, 'one-shot/trainer.1.log'), 'utf8')).toContain('main.js');
}, 240_000);

test.runIf(isLong)(
  'ranks whose machine is halted for a while go on as if nothing had been',
  async () => {
    const ours = await undisturbed();
    const plan = training();
    const { handle } = await server.start(plan);
    const ranks = await ranksOf(plan);
    for (const rank of ranks) process.kill(rank, 'SIGSTOP');
    await sleep(15_000);
    for (const rank of ranks) process.kill(rank, 'SIGCONT');
    await handle.result();
    const { made, endings } = await remainsOf(plan);
    expect(endings).toEqual(['done']);
    expect(made).toEqual(ours);
  },
  120_000,
);

// stage-process.test.ts has both for a stage of one process.
test.runIf(isLong)(
  'a pause and the end of a worker stop both ranks behind one checkpoint, and the stage goes on to the same bits',
  async () => {
    const plan = training(ELSEWHERE);
    const heldWhile = await traced();
    const first = await startWorker();
    const run = await server.start(plan);
    await ranksOf(plan, first.pid);
    const [{ ranks: told } = {}] = (await readRun(server.client, plan.id)).work;
    expect(told).toEqual({ count: 2, worker: `${first.pid}@${hostname()} cpu,cpu` });
    await heldWhile(plan, async () => await run.handle.signal('pause'));
    await run.untilStage('one-shot', 'paused');
    expect(stageProcesses(first.pid!, plan.id)).toEqual([]);
    await run.handle.signal('resume');
    const ranks = await ranksOf(plan, first.pid);
    first.kill('SIGTERM');
    await once(first, 'exit');
    expect(ranks.filter((pid) => isAlive(pid))).toEqual([]);
    const { manifest } = await remainsOf(plan);
    await startWorker();
    await run.handle.result();
    const { made, endings } = await remainsOf(plan);
    expect(endings).toEqual(['Cancelled', 'WorkerShutdown', 'done']);
    expect(manifest.checkpoints.length).toBeLessThanOrEqual(2);
    expect(made).toEqual(await undisturbed());
  },
  120_000,
);

test('a run that is cancelled stops all ranks behind one checkpoint, which one rank goes on from, and says that bits differ', async () => {
  const plan = training();
  const heldWhile = await traced();
  const { handle } = await server.start(plan);
  await ranksOf(plan);
  await heldWhile(plan, async () => void (await handle.cancel()));
  await expect(handle.result()).rejects.toThrow();
  expect(stageProcesses(process.pid, plan.id)).toEqual([]);
  const { manifest: stopped } = await remainsOf(plan);
  expect(stopped.attempts.at(-1)?.ending).toBe('Cancelled');
  expect(stopped.checkpoints.length).toBeGreaterThan(0);

  await (await server.start(byRanks(1, plan))).handle.result();
  const { manifest, endings, made } = await remainsOf(plan);
  expect(endings).toEqual(['Cancelled', 'done']);
  expect(manifest.begunAs).toBe(stopped.fingerprint);
  expect(manifest.notices).toEqual([
    'went on where batch_size was 32 and is 64, ranks was 2 and is 1: the rest has other bits than without the change',
  ]);
  // Rounding apart it is the same training.
  const ofTwo = await undisturbed();
  for (const [at, { loss }] of made.entries()) expect(loss).toBeCloseTo(ofTwo[at]!.loss, 3);
}, 120_000);
