import path from 'node:path';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import type { Plan } from '../../plan/plan.ts';
import { readManifest } from '../../artifacts/results.ts';
import { isAlive } from '../../runtime/processes.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import { programFile } from '../../runtime/layout.ts';

const server = withPipelineServer(lightActivities(unlimited));
let root = '';
beforeEach(() => (root = temporaryFolder()));

// Counts for ever in its first attempt, and is done at once when it finds what an earlier one counted.
const script = `
  const fs = require('fs');
  if (fs.existsSync('pid')) { fs.writeFileSync('out.txt', 'done'); process.exit(0); }
  const far = require('child_process').spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
  fs.writeFileSync('far', String(far.pid));
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
  const worker = fork(programFile('test/support/worker-process.ts'), [server.environment.address], {
    execArgv: [],
    env: { ...process.env, NAS_RESULTS: root },
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  await once(worker, 'message');
  return worker;
}

/** The program's process (`pid`), or the one it has started in a session of its own (`far`). */
async function pidOf(run: string, name = 'pid'): Promise<number> {
  const file = path.join(root, run, 'count', name);
  await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8') !== '', { timeout: 40_000 }).toBe(true);
  return Number(readFileSync(file, 'utf8'));
}

test('a killed worker takes its process with it, and another worker ends the stage', async () => {
  const plan = counting(3000);
  const first = await startWorker();
  const run = await begin(plan);
  const [pid, far] = [await pidOf(plan.id), await pidOf(plan.id, 'far')];
  first.kill('SIGKILL');
  await expect.poll(() => [pid, far].some((one) => isAlive(one)), { timeout: 30_000 }).toBe(false);
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
  expect([pid, await pidOf(plan.id, 'far')].some((one) => isAlive(one))).toBe(false);
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
  const out = path.join(root, plan.id, 'count/out.txt');
  const before = await readManifest(root, `${plan.id}/count`);
  // Its program was ended when the other attempt began.
  expect(isAlive(pid)).toBe(false);
  zombie.kill('SIGCONT');
  const gone = once(zombie, 'exit');
  zombie.kill('SIGTERM');
  await gone;
  expect(await readManifest(root, `${plan.id}/count`)).toEqual(before);
  expect(readFileSync(out, 'utf8')).toBe('done');
});
