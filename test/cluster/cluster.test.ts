import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { z } from 'zod';
import { compareResults } from '../../cli/verify/compare.ts';
import { Cluster } from '../support/cluster.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { stageProcesses } from '../support/stage-processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// npm run test:cluster: runs on a server as teams have it, eight minutes on two cores.

vi.setConfig({ testTimeout: 1_800_000, hookTimeout: 300_000 });

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
  for (const namespace of ['team', 'other']) {
    await cluster.administer('operator', 'namespace', 'create', '--namespace', namespace, '--retention', '3d');
  }
});
afterAll(async () => await cluster.remove());

const MEMBER = ['team:write'];
const ADMINISTRATOR = ['temporal-system:admin'];

const ROUNDS = 3;
/** How long Temporal and PostgreSQL stay away. */
const AWAY_MS = 3000;

async function startWorker(environment: Record<string, string>): Promise<RunningNas> {
  const worker = new RunningNas(['worker', '--cpu', '1', '--allow-command', '--json'], environment);
  await worker.prints('"devices"');
  return worker;
}

test('workers, Temporal and PostgreSQL are killed again and again while stages run, and every file of the ladder is the one that a folder run makes', async () => {
  const folder = temporaryFolder();
  const own = (name: string): string => path.join(folder, name);
  const start = ['start', own('ladder.yml'), '--id', 'ladder'];
  // That a worker is gone is noticed by its silence: sooner than after half a minute, so that less of the test is waiting.
  const ladder = readFileSync('test/e2e/ladder.yml', 'utf8');
  const impatient = ladder.replaceAll(
    /uses: (train-supernet|evaluate-subnets)/g,
    '$&\n    timeout: { heartbeat: 15s }',
  );
  writeFileSync(own('ladder.yml'), impatient);

  const plain = { NAS_HOME: own('home'), NAS_RESULTS: own('plain') };
  const up = new RunningNas(['up', '--json'], plain);
  await up.prints('"devices"');
  expect(await nas([...start, '--watch'], plain)).toMatchObject({ code: 0 });
  await up.interrupt();

  const ours = { ...cluster.environment(MEMBER), NAS_HOME: own('nowhere'), NAS_RESULTS: own('killed') };
  const administrator = { ...ours, ...cluster.environment(ADMINISTRATOR) };
  expect(await nas(['server', 'register'], administrator)).toMatchObject({ code: 0 });
  const workers = [await startWorker(ours), await startWorker(ours)];
  onTestFinished(async () => void (await Promise.all(workers.map(async (worker) => await worker.interrupt()))));
  expect(await nas(start, ours)).toMatchObject({ code: 0 });

  let busy = -1;
  const lookForWork = (): number => {
    busy = workers.findIndex(({ pid }) => stageProcesses(pid, 'ladder').length > 0);
    return busy;
  };
  const killWorker = async (): Promise<void> => {
    process.kill(workers[busy]!.pid, 'SIGKILL');
    await workers[busy]!.ended;
    workers[busy] = await startWorker(ours);
  };
  const kills = {
    'the worker at work': killWorker,
    Temporal: async () => {
      await cluster.killTemporal();
      await sleep(AWAY_MS);
      await cluster.startTemporal();
    },
    'the worker then at work': killWorker,
    PostgreSQL: async () => {
      await cluster.killPostgres();
      await sleep(AWAY_MS);
      await cluster.startPostgres();
    },
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [who, kill] of Object.entries(kills)) {
      const message = `a stage is at work for ${who} to be killed`;
      await expect.poll(lookForWork, { message, interval: 100, timeout: 120_000 }).not.toBe(-1);
      await kill();
    }
  }
  expect(await nas(['watch', 'ladder'], ours)).toMatchObject({ code: 0 });

  const compared = await compareResults(plain.NAS_RESULTS, ours.NAS_RESULTS);
  expect(compared.filter(({ different }) => different.length > 0)).toEqual([]);
  const repeated = sum(compared.map(({ attempts }) => attempts.killed - attempts.straight));
  const files = sum(compared.map((one) => one.files));
  process.stdout.write(
    `killed ${ROUNDS} times each: ${Object.keys(kills).join(', ')}; ${compared.length} stages, ${repeated} of their attempts repeated, ` +
      `${files} files and values, none differs\n`,
  );
  // A trainer whose worker is killed may still come to its end.
  expect(repeated).toBeGreaterThanOrEqual(ROUNDS);

  // Whoever may see another namespace alone sees nothing of it.
  const elsewhere = { ...ours, ...cluster.environment(['other:write'], 'other'), NAS_RESULTS: own('of-others') };
  expect(JSON.parse((await nas(['list', '--json'], elsewhere)).stdout)).toMatchObject({ runs: [] });
  expect(await nas(['status', 'ladder'], elsewhere)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('got none'),
  });
  expect((await nas(['list', '--query', "NasState = 'done'", '--json'], ours)).stdout).toContain('"ladder"');
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

test('without a certificate, with that of another authority, without a key, with one that has run out or is for another namespace a client is refused', async () => {
  const key = (value: string) => ({ ...cluster.environment(null), TEMPORAL_API_KEY: value });
  const {
    TEMPORAL_TLS_CLIENT_CERT_PATH: _,
    TEMPORAL_TLS_CLIENT_KEY_PATH: __,
    ...noCertificate
  } = cluster.environment(MEMBER);
  const strangers = {
    'no certificate': noCertificate,
    'certificate of another authority': cluster.environment(MEMBER, 'team', 'others'),
    'no key': cluster.environment(null),
    'key that nobody signed': key('a.b.c'),
    'key that has run out': key(cluster.keys.keyFor(MEMBER, { seconds: -60 })),
    'key for another namespace': cluster.environment(['other:write']),
  };
  const home = temporaryFolder();
  const places = { NAS_HOME: home, NAS_RESULTS: home };
  const start = ['start', 'test/e2e/tiny.yml', '--id', 'not-to-be'];
  for (const [who, environment] of Object.entries(strangers)) {
    for (const args of [['worker', '--cpu', '1'], ['status', 'ladder'], start]) {
      const { code, stderr } = await nas(args, { ...environment, ...places });
      expect({ who, args, code, stderr }).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^server.*: expected .*, got .*; .*\n$/),
      });
    }
  }
  const reader = { ...cluster.environment(['team:read']), ...places };
  expect(await nas(['list'], reader)).toMatchObject({ code: 0 });
  expect(await nas(start, reader)).toMatchObject({ code: 1 });
  const found = await nas(['status', 'not-to-be'], { ...cluster.environment(MEMBER), ...places });
  expect(found).toMatchObject({ code: 2 });
});

test('a run whose database is put back to a dump made in its middle goes on there, and takes over what was done since', async () => {
  const folder = temporaryFolder();
  const own = (name: string): string => path.join(folder, name);
  const ours = { ...cluster.environment(MEMBER), NAS_HOME: own('home'), NAS_RESULTS: own('results') };
  const stages = {
    first: writesTheTime(),
    second: { ...writesTheTime(`while [ ! -e ${own('go')} ]; do sleep 0.1; done;`), needs: 'first' },
    third: { ...writesTheTime(), needs: 'second' },
  };
  // JSON is YAML.
  writeFileSync(own('drill.yml'), JSON.stringify({ name: 'drill', stages }));
  const states = async (): Promise<string[]> => await stageStates('drill', ours);

  const worker = await startWorker(ours);
  expect(await nas(['start', own('drill.yml')], ours)).toMatchObject({ code: 0 });
  await expect.poll(states, { timeout: 60_000 }).toEqual(['done', 'running', 'waiting']);
  const databases = ['temporal', 'temporal_visibility'];
  for (const one of databases) {
    await cluster.postgres('pg_dump', '--format', 'custom', '--file', own(`${one}.dump`), one);
  }
  writeFileSync(own('go'), '');
  await expect.poll(states, { timeout: 60_000 }).toEqual(['done', 'done', 'done']);
  cpSync(own('results'), own('copy'), { recursive: true });

  await worker.interrupt();
  await cluster.stopTemporal();
  for (const one of databases) {
    await cluster.postgres('dropdb', one);
    await cluster.postgres('createdb', one);
    await cluster.postgres('pg_restore', '--dbname', one, own(`${one}.dump`));
  }
  await cluster.startTemporal();
  expect(await states()).not.toEqual(['done', 'done', 'done']);
  const again = await startWorker(ours);
  await expect.poll(states, { timeout: 120_000 }).toEqual(['done', 'reused', 'reused']);
  expect(await nas(['watch', 'drill'], ours)).toMatchObject({ code: 0 });
  await again.interrupt();
  const compared = await compareResults(own('copy'), own('results'));
  expect(compared.map(({ directory, different }) => ({ directory, different }))).toEqual(
    Object.keys(stages).map((name) => ({ directory: `drill/${name}`, different: [] })),
  );
});

/** A stage whose output differs each time it is done. */
function writesTheTime(before = '') {
  const run = ['sh', '-c', `${before} date +%s%N > out`];
  return { uses: 'command', with: { run, outputs: { out: 'out' } } };
}

/** The states of a run's stages, in the order of the file; empty where nobody answers. */
async function stageStates(run: string, environment: Record<string, string>): Promise<string[]> {
  const { code, stdout } = await nas(['status', run, '--json'], environment);
  return code === 0 ? Stages.parse(JSON.parse(stdout)).stages.map(({ state }) => state) : [];
}

const Stages = z.object({ stages: z.array(z.object({ state: z.string() })) });
