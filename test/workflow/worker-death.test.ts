import path from 'node:path';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { lightActivities } from '../../activities/stages.ts';
import type { Plan } from '../../plan/plan.ts';
import { identityOf, livenessOf } from '../../runtime/process-identity.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(lightActivities);
let root = '';
beforeEach(() => (root = temporaryFolder()));

// Counts for ever in its first attempt, and is done at once when it finds what an earlier one counted.
const script = `
  const fs = require('fs');
  if (fs.existsSync('pid')) { fs.writeFileSync('out.txt', 'done'); process.exit(0); }
  fs.writeFileSync('pid', String(process.pid));
  setInterval(() => fs.writeFileSync('beat', String(Date.now())), 20);
`;

function counting(heartbeatMs: number) {
  return planOf({
    id: 'count',
    uses: 'command',
    queue: 'gpu',
    work: 'heavy',
    with: { run: [process.execPath, '-e', script], env: {}, outputs: { out: 'out.txt' } },
    retry: { maximumAttempts: 3, initialIntervalMs: 100, backoffCoefficient: 1 },
    timeout: { startToCloseMs: 60_000, heartbeatMs },
  });
}

/** Starts a run that ends with the test, whatever becomes of it: the worker has room for one. */
async function begin(plan: Plan) {
  const run = await server.start(plan);
  onTestFinished(async () => void (await run.handle.terminate().catch(() => undefined)));
  return run;
}

/** The real heavy worker as a process of its own. */
async function startWorker() {
  const worker = fork(path.resolve('test/support/worker-process.ts'), [server.environment.address], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, NAS_RESULTS: root },
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  await once(worker, 'message');
  return worker;
}

function isAlive(pid: number): boolean {
  return livenessOf(identityOf(pid)) === 'alive';
}

async function pidOf(run: string): Promise<number> {
  const file = path.join(root, run, 'count/pid');
  await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8') !== '', { timeout: 40_000 }).toBe(true);
  return Number(readFileSync(file, 'utf8'));
}

test('a killed worker takes its process with it, and another worker ends the stage', async () => {
  const plan = counting(3000);
  const first = await startWorker();
  const run = await begin(plan);
  const pid = await pidOf(plan.id);
  first.kill('SIGKILL');
  await expect.poll(() => isAlive(pid), { timeout: 30_000 }).toBe(false);
  await startWorker();
  const { outputs } = await run.handle.result();
  expect(outputs).toMatchObject({ count: { files: { out: { file: `${plan.id}/count/out.txt` } } } });
});

test('a worker told to end stops its process and leaves, and the stage goes on elsewhere at once', async () => {
  const plan = counting(60_000);
  const first = await startWorker();
  const run = await begin(plan);
  const pid = await pidOf(plan.id);
  first.kill('SIGTERM');
  await once(first, 'exit');
  expect(isAlive(pid)).toBe(false);
  expect(await run.states()).toEqual({ count: 'running' });
  await startWorker();
  await run.handle.result();
});

test('a worker that stood still while another one took over spoils nothing when it wakes up', async () => {
  const plan = counting(5000);
  const zombie = await startWorker();
  const run = await begin(plan);
  const pid = await pidOf(plan.id);
  zombie.kill('SIGSTOP');
  await startWorker();
  await run.handle.result();
  const [manifest = '', out = ''] = ['manifest.json', 'out.txt'].map((name) => path.join(root, plan.id, 'count', name));
  const before = readFileSync(manifest, 'utf8');
  expect(isAlive(pid)).toBe(true);
  zombie.kill('SIGCONT');
  // It learns that its attempt was given up, and ends the program at once.
  await expect.poll(() => isAlive(pid), { timeout: 60_000 }).toBe(false);
  expect(readFileSync(manifest, 'utf8')).toBe(before);
  expect(readFileSync(out, 'utf8')).toBe('done');
});
