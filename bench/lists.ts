import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { rememberResults } from '../artifacts/run-results.ts';
import { root } from '../runtime/layout.ts';
import { syntheticRun } from '../test/support/synthetic-run.ts';

// npm run bench:lists [-- --json]: how long somebody waits who looks at results for the first time, and again: `nas list` of 500
// runs of 17 stages each, with folders and files as a quickstart has them, and a run of 2,000 supernets in `nas ui`. No server answers.

const GOAL = 1;
const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const folder = mkdtempSync(path.join(tmpdir(), 'bench-lists-'));

/** The environment of a program that looks at those results. */
function environmentOf(results: string): NodeJS.ProcessEnv {
  const [runs, cache, home] = [results, 'cache', 'home'].map((name) => path.join(folder, name));
  return { ...process.env, NAS_RESULTS: runs, NAS_CACHE: cache, NAS_HOME: home, TEMPORAL_ADDRESS: '' };
}

/** What a stage has beside its manifest. */
function putFiles(stage: string): void {
  for (const name of ['.pending', 'checkpoints', 'tensorboard']) mkdirSync(path.join(stage, name));
  for (const name of [
    'job.json',
    'log.jsonl',
    'trainer.log',
    '0.8_0.safetensors',
    'checkpoints/0-1',
    'tensorboard/0',
  ]) {
    writeFileSync(path.join(stage, name), name);
  }
}

/** Seconds on the clock, and of the processor. */
interface Taken {
  readonly seconds: number;
  readonly processor: number;
}

function listing(): Taken {
  const program = `TIMEFORMAT='%R %U %S'; time "${process.execPath}" cli/nas.mjs list >/dev/null 2>&1`;
  const { stderr } = spawnSync('bash', ['-c', program], { cwd: root, env: environmentOf('runs'), encoding: 'utf8' });
  const [seconds = NaN, user = NaN, system = NaN] = stderr.trim().split(' ').map(Number);
  return { seconds, processor: user + system };
}

/** Seconds until the page of the large run is there, once the server of pages stands: the first time, and again. */
async function opening(): Promise<Record<string, number>> {
  const program = spawn(process.execPath, ['cli/nas.mjs', 'ui', '--json'], { cwd: root, env: environmentOf('large') });
  let said = '';
  for await (const text of program.stdout) {
    said += String(text);
    if (said.trimEnd().endsWith('}')) break;
  }
  const { address }: { address: string } = JSON.parse(said);
  const { headers } = await fetch(address, { redirect: 'manual' });
  const cookie = headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const look = async (): Promise<number> => {
    const began = performance.now();
    const page = await fetch(new URL('/runs/large', address), { headers: { cookie } });
    if (!page.ok || (await page.text()).length < 100_000)
      throw new Error(`expected the run's page, got ${page.status}`);
    return (performance.now() - began) / 1000;
  };
  const first = await look();
  await sleep(5000);
  const again = await look();
  const ended = once(program, 'exit');
  program.kill('SIGINT');
  await ended;
  return { first, again };
}

const runs = Array.from({ length: 500 }, (_, at) => `run-${at}`);

for (const run of runs) {
  const place = path.join(folder, 'runs', run);
  syntheticRun(path.join(folder, 'runs'), run, { supernets: 16, epochs: 2, subnets: 10 });
  for (const stage of readdirSync(place)) putFiles(path.join(place, stage));
}
syntheticRun(path.join(folder, 'large'), 'large', { supernets: 2000, epochs: 5, subnets: 2000 });
await sleep(3000);
// As workers do after each stage.
for (const run of runs) await rememberResults(path.join(folder, 'runs'), run, path.join(folder, 'cache'));
// The command line is bundled by the first start of all.
spawnSync(process.execPath, ['cli/nas.mjs', '--help'], { cwd: root });
const [first, again] = [listing(), listing()];
rmSync(path.join(folder, 'cache'), { recursive: true });
const measured = {
  processor: cpus()[0]?.model ?? 'unknown',
  node: process.version,
  list: { first, again, elsewhere: listing(), goal: GOAL },
  page: await opening(),
};
process.stdout.write(options.json ? `${JSON.stringify(measured, null, 2)}\n` : `${textOf()}\n`);
rmSync(folder, { recursive: true });

function inWords({ seconds, processor: own }: Taken): string {
  return `${seconds.toFixed(2)} s (${own.toFixed(2)} s of processor time)`;
}

function textOf(): string {
  const { list, page, processor, node } = measured;
  return [
    `${processor}, Node ${node}`,
    `nas list of 500 runs: first ${inWords(list.first)}, again ${inWords(list.again)}; goal ${GOAL} s`,
    `and where no worker was, for the first time: ${inWords(list.elsewhere)}`,
    `page of a run of 2,000 supernets: first ${page['first']?.toFixed(2)} s, again ${page['again']?.toFixed(2)} s`,
  ].join('\n');
}
