import path from 'node:path';
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { z } from 'zod';
import { median } from './runner.ts';
import { catalogue } from '../artifacts/catalogue.ts';
import { keepServer } from '../runtime/server-keeper.ts';
import { findServer } from '../runtime/temporal-server.ts';

// npm run bench:soak: thousands of small stages in many runs at once on an embedded server, while workers are killed. Ends with 1 where
// a stage is lost, was done twice or is not what its command made, or a worker ended by itself; then the folder stays.
// `-- --runs 5 --stages 8 --kill-every 15` is a short form.

const { values: asked } = parseArgs({
  options: {
    runs: { type: 'string', default: '50' },
    stages: { type: 'string', default: '40' },
    /** Seconds that each stage sleeps. */
    seconds: { type: 'string', default: '3' },
    /** Seconds between two kills. */
    'kill-every': { type: 'string', default: '30' },
  },
});
const [RUNS, STAGES, KILL_EVERY_MS] = [Number(asked.runs), Number(asked.stages), 1000 * Number(asked['kill-every'])];
/** All but the first are killed in turns; how the first one's memory grows is measured. */
const WORKERS = 3;
const DEVICES = 4;
const LOOK_EVERY_MS = 10_000;

const folder = mkdtempSync(path.join(tmpdir(), 'soak-'));
const own = (name: string): string => path.join(folder, name);
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
const keeper = await keepServer(own('home'), interruption.signal);
const environment = {
  ...process.env,
  TEMPORAL_ADDRESS: keeper.address,
  NAS_RESULTS: own('results'),
  NAS_CACHE: own('cache'),
};

/** As from a terminal of its own: Linux shares the processors among sessions, and each stage has one. */
async function nas(...args: readonly string[]): Promise<string> {
  const options = { env: environment, maxBuffer: 1e8 };
  const command = ['--wait', process.execPath, 'cli/nas.mjs', ...args];
  return (await promisify(execFile)('setsid', command, options)).stdout;
}

const wrong: string[] = [];

function startWorker(): ChildProcess {
  const log = openSync(own('worker.log'), 'a');
  const args = ['cli/nas.mjs', 'worker', '--cpu', String(DEVICES), '--allow-command'];
  const worker = spawn(process.execPath, args, { env: environment, stdio: ['ignore', log, log] });
  closeSync(log);
  worker.once('exit', (code, signal) => {
    if (!worker.killed) wrong.push(`worker ${worker.pid} ended by itself: ${signal ?? code}`);
  });
  return worker;
}

/** Bytes of memory that a process has; null where it is gone. */
function memoryOf(pid: number | undefined): number | null {
  try {
    const [, kilobytes] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? null : 1024 * Number(kilobytes);
  } catch {
    return null;
  }
}

/** Rows of four stages, side by side. Each stage says who it is, so that none is taken over from another. */
function pipelineOf(run: string): string {
  const stages = Array.from({ length: STAGES }, (_, at) => {
    const needs = at % 4 === 0 ? {} : { needs: `s${at - 1}` };
    const command = ['sh', '-c', `sleep ${asked.seconds}; echo ${run}/s${at} > out`];
    return [`s${at}`, { uses: 'command', ...needs, with: { run: command, outputs: { out: 'out' } } }] as const;
  });
  // JSON is YAML.
  return JSON.stringify({ name: run, stages: Object.fromEntries(stages) });
}

const Runs = z.object({ runs: z.array(z.object({ id: z.string(), state: z.string() })) });
const listRuns = async () => Runs.parse(JSON.parse(await nas('list', '--json'))).runs;

// As `nas up` does it.
await nas('server', 'register');
for (let at = 0; at < RUNS; at++) {
  writeFileSync(own(`run${at}.yml`), pipelineOf(`run${at}`));
  await nas('start', own(`run${at}.yml`));
}
const began = Date.now();
const workers = Array.from({ length: WORKERS }, startWorker);

const seen = { server: [] as (number | null)[], worker: [] as (number | null)[], list: [] as number[] };
let killed = 0;
for (let nextKill = Date.now() + KILL_EVERY_MS; ;) {
  const asking = performance.now();
  const open = (await listRuns()).filter(({ state }) => state === 'running').length;
  seen.list.push((performance.now() - asking) / 1000);
  seen.server.push(memoryOf(findServer(own('home'))?.pid));
  seen.worker.push(memoryOf(workers[0]?.pid));
  process.stderr.write(
    `${Math.round((Date.now() - began) / 1000)} s: ${open} runs are open, ${killed} workers killed\n`,
  );
  if (open === 0 || interruption.signal.aborted) break;
  if (Date.now() > nextKill) {
    nextKill += KILL_EVERY_MS;
    const at = 1 + (killed++ % (WORKERS - 1));
    workers[at]?.kill('SIGKILL');
    workers[at] = startWorker();
  }
  await sleep(LOOK_EVERY_MS);
}
for (const worker of workers) {
  if (worker.kill('SIGTERM')) await once(worker, 'exit');
}
const runs = await listRuns();
await keeper.stop();

wrong.push(...runs.filter(({ state }) => state !== 'done').map(({ id, state }) => `${id}: ${state}`));
const made = await catalogue(own('results'));
for (const { directory, manifest } of made) {
  const times = manifest.attempts.filter(({ ending }) => ending === 'done').length;
  if (manifest.state !== 'done' || times !== 1) {
    wrong.push(`${directory}: ${manifest.state}, done ${times} times`);
    continue;
  }
  const said = readFileSync(path.join(own('results'), directory, 'out'), 'utf8').trim();
  if (said !== directory) wrong.push(`${directory}: made ${JSON.stringify(said)}`);
}
if (made.length !== RUNS * STAGES) wrong.push(`expected ${RUNS * STAGES} stages, got ${made.length}`);

/** `120 MB, then 125 MB`: the median of the first and of the last third. */
function growth(all: readonly (number | null)[]): string {
  const bytes = all.filter((one) => one !== null);
  const third = Math.max(1, Math.floor(bytes.length / 3));
  const megabytes = [bytes.slice(0, third), bytes.slice(-third)].map((some) => Math.round(median(some) / 1e6));
  return `${megabytes[0]} MB, then ${megabytes[1]} MB`;
}
const seconds = Math.round((Date.now() - began) / 1000);
const attempts = made.reduce((total, { manifest }) => total + manifest.attempts.length, 0);
process.stdout.write(
  `${[
    `${made.length} stages of ${runs.length} runs in ${seconds} s, ${killed} workers killed, ${attempts} attempts`,
    ...(wrong.length === 0 ? ['nothing lost, nothing twice'] : wrong.slice(0, 20)),
    `server: ${growth(seen.server)}`,
    `worker that is left alone: ${growth(seen.worker)}`,
    `nas list: ${median(seen.list).toFixed(2)} s, at most ${Math.max(...seen.list).toFixed(2)} s`,
  ].join('\n')}\n`,
);
if (wrong.length === 0) rmSync(folder, { recursive: true, force: true });
else process.stdout.write(`all of it lies in ${folder}\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;
