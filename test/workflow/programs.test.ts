import path from 'node:path';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { unlimited } from '../../activities/permissions.ts';
import { heavyActivities, lightActivities } from '../../activities/stages.ts';
import { readManifest } from '../../artifacts/results.ts';
import type { RunStatus } from '../../plan/messages.ts';
import type { PlanStage } from '../../plan/plan.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const heavy = {
  taskQueue: 'gpu',
  activities: heavyActivities(new DevicePool(['cpu', 'cpu']), unlimited),
  maxConcurrentActivityTaskExecutions: 2,
  maxHeartbeatThrottleInterval: 100,
} as const;
const server = withPipelineServer(lightActivities(unlimited));

let stop = async (): Promise<void> => undefined;
beforeAll(async () => void (stop = await server.work(heavy)));
afterAll(async () => await stop());

let root = '';
beforeEach(() => {
  root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
});

function making(outputs: Readonly<Record<string, string>>, name = 'make'): PlanStage {
  const script =
    "require('fs').writeFileSync('out.txt', process.env.NAS_STAGE + ' ' + process.env.WORD); console.log('said')";
  const config = { run: [process.execPath, '-e', script], env: { WORD: 'x' }, outputs };
  const { stages } = planOf({ id: name, uses: 'command', queue: 'gpu', work: 'heavy', with: config });
  return stages[0]!;
}

test('a command keeps the files it promised, and fails without them', async () => {
  const plan = { ...planOf(), stages: [making({ out: 'out.txt' }), making({ gone: 'gone.txt' }, 'broken')] };
  const run = await server.start(plan);
  expect((await run.untilStage('broken', 'parked')).error).toMatch(/expected the program to write .*broken\/gone\.txt/);
  const file = `${plan.id}/make/out.txt`;
  expect((await run.untilStage('make', 'done')).outputs).toMatchObject({
    files: { out: { file, sha256: expect.any(String) } },
  });
  expect(readFileSync(path.join(root, file), 'utf8')).toBe(`${plan.id}/make x`);
  expect(readFileSync(path.join(root, plan.id, 'make/trainer.log'), 'utf8')).toContain('said');
  await run.handle.cancel();
});

test('a program whose outputs take longer to hash than a heartbeat may fail to come is run once', async () => {
  // Sparse, so that it takes no room; as large as three seconds of hashing are here where nothing else is at work.
  const times = Array.from({ length: 5 }, () => {
    const began = performance.now();
    createHash('sha256')
      .update(Buffer.alloc(2 ** 26))
      .digest();
    return performance.now() - began;
  });
  const size = Math.round((3000 * 2 ** 26) / Math.min(...times));
  const run = ['truncate', '-s', String(size), 'out'];
  const timeout = { startToCloseMs: 90_000, heartbeatMs: 2000 };
  const config = { run, env: {}, outputs: { out: 'out' } };
  const plan = planOf({ id: 'large', uses: 'command', queue: 'gpu', work: 'heavy', with: config, timeout });
  const started = await server.start(plan);
  await started.handle.result();
  const [attempt, ...others] = (await readManifest(root, `${plan.id}/large`))?.attempts ?? [];
  expect(others).toEqual([]);
  expect(attempt?.phases?.['hashing']).toBeGreaterThan(2);
});

test('a command that falls silent for longer than it may is killed and tried again', async () => {
  const script = `
    const fs = require('fs');
    if (fs.existsSync('tried')) process.exit(0);
    fs.writeFileSync('tried', '');
    console.log('one word');
    setInterval(() => undefined, 1000);
  `;
  // Longer than a busy machine takes to start it.
  const config = { run: [process.execPath, '-e', script], stall_seconds: 3 };
  const retry = { maximumAttempts: 5, initialIntervalMs: 100, backoffCoefficient: 1 };
  const timeout = { startToCloseMs: 90_000, heartbeatMs: 15_000 };
  const plan = planOf({ id: 'mute', uses: 'command', queue: 'gpu', work: 'heavy', with: config, retry, timeout });
  const run = await server.start(plan);
  await run.handle.result();
  const manifest = await readManifest(root, `${plan.id}/mute`);
  const endings = manifest?.attempts.map(({ ending }) => ending);
  expect([endings?.[0], endings?.at(-1)]).toEqual(['Stalled', 'done']);
});

test('a run started again takes over what is done, and makes anew what was damaged', async () => {
  const plan = {
    ...planOf(),
    stages: [making({ out: 'out.txt' }), making({ out: 'out.txt' }, 'damaged'), making({ gone: 'gone.txt' }, 'broken')],
  };
  const first = await server.start(plan);
  await first.untilStage('broken', 'parked');
  await first.until(({ stages }) => stages.filter(({ state }) => state === 'done').length === 2);
  await first.handle.executeUpdate('abortStage', { args: [{ stage: 'broken' }] });
  await expect(first.handle.result()).rejects.toMatchObject({ cause: { message: `run ${plan.id}: given up: broken` } });
  writeFileSync(path.join(root, plan.id, 'damaged/out.txt'), 'other');
  const second = await server.start(plan);
  await second.untilStage('broken', 'parked');
  await second.untilStage('damaged', 'done');
  expect(await second.states()).toMatchObject({ make: 'reused' });
  expect((await second.stage('make')).reason).toBe(
    `reused from ${plan.id}/make, because inputs, config and code are the same`,
  );
  expect(readFileSync(path.join(root, plan.id, 'damaged/out.txt'), 'utf8')).toBe(`${plan.id}/damaged x`);
  await second.handle.cancel();
});

test('a worker that runs no programs of plans parks a command, with nothing run', async () => {
  const strict = {
    ...heavy,
    taskQueue: 'strict',
    activities: heavyActivities(new DevicePool(['cpu']), { ...unlimited, commands: false }),
  };
  const end = await server.work(strict);
  try {
    const plan = { ...planOf(), stages: [{ ...making({ out: 'out.txt' }), queue: 'strict' }] };
    const run = await server.start(plan);
    expect((await run.untilStage('make', 'parked')).error).toMatch(/--allow-command/);
    expect(existsSync(path.join(root, plan.id, 'make/out.txt'))).toBe(false);
    await run.handle.cancel();
  } finally {
    await end();
  }
});

test('a run that names the folder of another one as its own is refused', async () => {
  const plan = { ...planOf(), stages: [making({ out: 'out.txt' })] };
  const { workflow } = server.client;
  await workflow.start('pipeline', { workflowId: `not-${plan.id}`, taskQueue: 'control', args: [plan] });
  const status = async () => await workflow.getHandle(`not-${plan.id}`).query<RunStatus>('status');
  await expect
    .poll(async () => (await status()).stages[0], { timeout: 30_000 })
    .toMatchObject({ state: 'parked', error: expect.stringContaining(`expected a folder of run not-${plan.id}`) });
  expect(existsSync(path.join(root, plan.id))).toBe(false);
  await workflow.getHandle(`not-${plan.id}`).terminate();
});
