import path from 'node:path';
import type { Client } from '@temporalio/client';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { statusQuery } from '../../plan/messages.ts';
import { findServer } from '../../runtime/temporal-server.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { connectClient, embeddedServer } from '../../workers/server.ts';
import { sharedFolder, temporaryFolder } from '../support/temporary-folder.ts';

// Every command is a process of its own: seconds each where the machine is busy.
vi.setConfig({ testTimeout: 150_000 });

const folder = sharedFolder();
const results = path.join(folder, 'results');
const environment = { NAS_HOME: path.join(folder, 'home'), NAS_RESULTS: results };

// A stage that waits until its file `go` is there, and a fan-out after it.
const gated = path.join(folder, 'gated.yml');
writeFileSync(
  gated,
  `name: gated
params: { word: hello }
stages:
  first:
    uses: command
    with:
      run: [sh, -c, "until [ -e go ]; do sleep 0.1; done; echo \${{ params.word }} > out.txt"]
      outputs: { out: out.txt }
  many:
    uses: command
    needs: first
    matrix: { part: 1..2 }
    with: { run: [echo, "\${{ matrix.part }}"] }
`,
);

const broken = path.join(folder, 'broken.yml');
writeFileSync(
  broken,
  `name: broken
stages:
  one:
    uses: command
    with: { run: [sh, -c, "test -e mended"] }
    retry: { attempts: 1 }
`,
);

let up: RunningNas;
let client: Client;

beforeAll(async () => {
  up = new RunningNas(['up', '--json'], environment);
  await up.prints('"devices"');
  client = await connectClient(embeddedServer(findServer(environment.NAS_HOME)?.address ?? ''));
});

afterAll(async () => {
  await client.connection.close();
  await up.interrupt();
});

const run = async (...args: string[]) => await nas(args, environment);
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await run(...args, '--json')).stdout);

async function untilStage(id: string, stage: string, state: string): Promise<void> {
  await expect
    .poll(async () => await client.workflow.getHandle(id).query(statusQuery), { timeout: 30_000 })
    .toMatchObject({ stages: expect.arrayContaining([expect.objectContaining({ id: stage, state })]) });
}

test('a second start of an id attaches, another plan under it is refused, and a finished run says so', async () => {
  expect(await json('start', gated)).toMatchObject({
    run: 'gated',
    outcome: 'started',
    ui: expect.stringMatching(/gated$/),
  });
  expect(await json('start', gated)).toMatchObject({ outcome: 'attached' });

  const other = await run('start', gated, '--set', 'word=bye');
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('params.word: "bye" here, "hello" in the run');

  const watch = new RunningNas(['watch', 'gated'], environment);
  await watch.prints('first: running');
  expect(await watch.interrupt()).toMatchObject({ code: 0, stderr: expect.stringContaining('nas watch gated') });

  await untilStage('gated', 'first', 'running');
  writeFileSync(path.join(results, 'gated/first/go'), '');
  const end = await run('watch', 'gated');
  expect(end.code).toBe(0);
  expect(end.stdout).toMatch(/many: done, 2\/2 cells\nrun gated: done after /);

  expect(await json('start', gated)).toMatchObject({ outcome: 'done' });
  expect((await run('status', 'gated')).stdout).toMatch(/✓ first +done/);
  expect(readFileSync(path.join(results, 'gated/first/out.txt'), 'utf8')).toBe('hello\n');
});

test('a parked stage is shown with its error, and goes on when it is retried', async () => {
  await run('start', broken, '--id', 'mend');
  await untilStage('mend', 'one', 'parked');
  expect((await run('status', 'mend')).stdout).toContain('go on with `nas retry mend one`');
  writeFileSync(path.join(results, 'mend/one/mended'), '');
  expect(await json('retry', 'mend', 'one')).toEqual({ run: 'mend', retried: ['one'] });
  expect(await run('watch', 'mend')).toMatchObject({ code: 0 });
});

test('a stage that is given up fails the run, which goes on when it is started again', async () => {
  await run('start', broken, '--id', 'give-up');
  await untilStage('give-up', 'one', 'parked');
  expect(await run('abort', 'give-up', 'one')).toMatchObject({ code: 0, stdout: 'give-up: one aborted\n' });
  const end = await run('watch', 'give-up');
  expect(end).toMatchObject({ code: 1, stdout: expect.stringContaining('run give-up: failed after') });
  expect(end.stdout).toContain('given up: one');
  expect(await json('start', broken, '--id', 'give-up')).toMatchObject({ outcome: 'again' });
  await run('cancel', 'give-up');
});

test('open says that a page is open only where a browser has taken it, and gives its address else', async () => {
  const browser = path.join(temporaryFolder(), 'xdg-open');
  const withBrowser = { ...environment, PATH: `${path.dirname(browser)}:${process.env['PATH']}` };
  for (const [script, said] of [
    ['exit 3', /^http\S+mend\n$/],
    ['exit 0', /^opened http\S+mend\n$/],
    ['sleep 10', /^opened http\S+mend\n$/],
  ] as const) {
    writeFileSync(browser, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const { code, stdout } = await nas(['open', 'mend'], withBrowser);
    expect([code, stdout]).toEqual([0, expect.stringMatching(said)]);
  }
});

test('what a run refuses is bad input: exit code 2 and its own words', async () => {
  const unknown = await run('retry', 'nobody', 'one');
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
  expect(unknown.stderr).toBe(
    'run nobody: expected an open run of this id on the server, got none; start it with `nas start`\n',
  );
  for (const verb of ['pause', 'resume', 'cancel']) {
    expect(await run(verb, 'mend')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('run mend: expected an open run of this id'),
    });
  }
  await run('start', broken, '--id', 'refuse');
  await untilStage('refuse', 'one', 'parked');
  const stage = await run('select', 'refuse', 'one', '3');
  expect(stage).toMatchObject({ code: 2, stderr: expect.stringContaining('expected a stage that waits for a choice') });
});

test('without a server a verb says how to get one', async () => {
  const alone = await nas(['status', 'x'], { ...environment, NAS_HOME: path.join(folder, 'nowhere') });
  expect(alone).toMatchObject({ code: 1, stderr: expect.stringContaining('run `nas up`') });
  for (const args of [['status', 'x'], ['worker']]) {
    const wrong = await nas(args, { ...environment, TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('server 127.0.0.1:1: expected an answer') });
  }
});

test('a server that runs here and is only slow to answer is waited for', async () => {
  const server = findServer(environment.NAS_HOME)?.pid ?? NaN;
  process.kill(server, 'SIGSTOP');
  const asked = run('list');
  // Longer than one of another machine is waited for.
  await sleep(7000);
  process.kill(server, 'SIGCONT');
  expect(await asked).toMatchObject({ code: 0, stderr: '' });
});

test(
  'quickstart brings everything up, runs to the end, and takes everything down again',
  { timeout: 120_000 },
  async () => {
    const home = path.join(folder, 'quick');
    const quick = await nas(['quickstart', broken, '--id', 'quick'], { ...environment, NAS_HOME: home });
    expect(quick).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`\`npm start -- ${broken} --id quick\` tries them again`),
    });
    writeFileSync(path.join(results, 'quick/one/mended'), '');
    const again = await nas(['quickstart', broken, '--id', 'quick'], { ...environment, NAS_HOME: home });
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('run quick: done after') });
    const third = await nas(['quickstart', broken, '--id=quick'], { ...environment, NAS_HOME: home });
    expect(third.stdout).toContain(`done already; \`npm start -- ${broken} --id NAME --fresh\` runs it all once more`);
    expect(existsSync(path.join(home, 'server.json'))).toBe(true);
    const status = await nas(['status', 'quick'], { ...environment, NAS_HOME: home });
    expect(status.stderr).toContain('server: expected one to run here, got none');
  },
);
