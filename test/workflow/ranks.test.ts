import path from 'node:path';
import { readFileSync } from 'node:fs';
import { NativeConnection } from '@temporalio/worker';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { readManifest } from '../../artifacts/results.ts';
import type { Plan } from '../../plan/plan.ts';
import { createHeavyWorkers } from '../../workers/workers.ts';
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

function training(): Plan {
  const config = JSON.parse(JSON.stringify(tinySupernet({ ranks: 2, batch_size: 32, checkpoint_every_steps: 1 })));
  const retry = { maximumAttempts: 3, initialIntervalMs: 100, backoffCoefficient: 1 };
  const stage = { id: 'one-shot', uses: 'train-supernet', with: config, queue: 'gpu', work: 'heavy', retry } as const;
  return { ...planOf(stage), reuse: 'nothing' };
}

async function remainsOf({ id }: Plan) {
  const manifest = (await readManifest(root, `${id}/one-shot`))!;
  const made = manifest.epochs.map((epoch) => ({ ...epoch, file: path.basename(epoch.file!) }));
  return { manifest, made };
}

/** The ranks of a run at work, once both have trained a step or more. */
async function ranksOf({ id }: Plan): Promise<number[]> {
  for (;;) {
    const found = stageProcesses(process.pid, id);
    const saved = await readManifest(root, `${id}/one-shot`);
    if (found.length === 2 && (saved?.checkpoints.length ?? 0) > 0) return found;
    await sleep(20);
  }
}

test('a stage of two ranks ends in the same bits, whichever rank is killed or halted, and leaves none behind', async () => {
  const [straight, broken] = [training(), training()];
  await (await server.start(straight)).handle.result();
  const { handle } = await server.start(broken);
  const began = performance.now();
  for (const [at, signal] of [
    [1, 'SIGKILL'],
    [0, 'SIGKILL'],
    [1, 'SIGSTOP'],
  ] as const) {
    const ranks = await ranksOf(broken);
    const told = performance.now();
    process.kill(ranks[at]!, signal);
    while (stageProcesses(process.pid, broken.id).some((pid) => ranks.includes(pid))) await sleep(20);
    // A halted rank is noticed by its heartbeat.
    expect(performance.now() - told).toBeLessThan(signal === 'SIGKILL' ? 10_000 : 40_000);
  }
  await handle.result();
  expect(performance.now() - began).toBeLessThan(170_000);
  const [ours, theirs] = [await remainsOf(straight), await remainsOf(broken)];
  expect(theirs.made).toEqual(ours.made);
  expect(theirs.manifest.attempts.map(({ device }) => device)).toEqual(theirs.manifest.attempts.map(() => 'cpu,cpu'));
  expect(theirs.manifest.attempts.length).toBe(4);
  expect(stageProcesses(process.pid, broken.id)).toEqual([]);
  expect(readFileSync(path.join(root, broken.id, 'one-shot/trainer.1.log'), 'utf8')).toContain('main.js');
}, 240_000);

test('a run that is cancelled stops all ranks behind one checkpoint', async () => {
  const plan = training();
  const { handle } = await server.start(plan);
  await ranksOf(plan);
  await handle.cancel();
  await expect(handle.result()).rejects.toThrow();
  expect(stageProcesses(process.pid, plan.id)).toEqual([]);
  const { manifest } = await remainsOf(plan);
  expect(manifest.attempts.at(-1)?.ending).toBe('Cancelled');
  expect(manifest.checkpoints.length).toBeGreaterThan(0);
});
