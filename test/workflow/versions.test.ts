import path from 'node:path';
import { Worker } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { CONTROL_QUEUE } from '../../plan/names.ts';
import { embeddedServer } from '../../workers/server.ts';
import { buildsOf, makeCurrent, ownBuild, versionOptions } from '../../workers/versions.ts';
import { startWorkers } from '../../workers/workers.ts';
import { nas } from '../support/nas.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { planOf } from '../support/pipeline-server.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

// Its own worker is none of a deployment: such is a cluster before its first one.
const server = withPipelineServer(plainActivities);
const deployment = 'team';
const patience = { timeout: 60_000 };

test('a run stays on the build it began with, later ones begin on the next, and the first one drains', async () => {
  const { client } = server;
  const { address, nativeConnection: connection } = server.environment;
  const environment = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: 'default' };
  const states = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await buildsOf(client, deployment)).map(({ build, state }) => [build, state]));
  expect(await buildsOf(client, deployment)).toEqual([]);

  const version = { deployment, build: await ownBuild() };
  const config = embeddedServer(address);
  const first = await startWorkers(config, { roles: ['control'], devices: [], permissions: unlimited, version });
  await expect.poll(states, patience).toEqual({ [version.build]: 'idle' });
  await expect
    .poll(
      async () =>
        await makeCurrent(client, version).then(
          () => true,
          () => false,
        ),
      patience,
    )
    .toBe(true);

  // Activities of the test are on a queue that belongs to no build: as heavy workers that are not told of one.
  const stop = await server.work({ taskQueue: 'elsewhere', activities: plainActivities });
  const before = await server.start(
    planOf({ id: 'one', uses: 'brittle', with: { fails: 1 }, queue: 'elsewhere', work: 'heavy' }),
  );
  await before.untilStage('one', 'parked');

  // The same name and another way to go: replayed on one another they would not agree.
  const second = await Worker.create({
    connection,
    taskQueue: CONTROL_QUEUE,
    workflowsPath: path.resolve('test/support/other-pipeline.ts'),
    ...versionOptions({ deployment, build: 'next' }),
  });
  await second.runUntil(async () => {
    const ramped = async (): Promise<unknown> =>
      JSON.parse((await nas(['deploy', 'ramp', deployment, 'next', '--percent', '20', '--json'], environment)).stdout);
    const share = expect.objectContaining({ build: 'next', state: 'ramping', percent: 20, openRuns: 0 });
    await expect.poll(ramped, patience).toMatchObject({ builds: expect.arrayContaining([share]) });
    await expect
      .poll(async () => (await nas(['deploy', 'current', deployment, 'next'], environment)).code, patience)
      .toBe(0);
    const after = await server.start(planOf({ id: 'one', uses: 'echo' }));
    const hasTimer = async (): Promise<boolean> =>
      (await after.handle.fetchHistory()).events?.some(
        ({ timerStartedEventAttributes }) => timerStartedEventAttributes != null,
      ) ?? false;
    await expect.poll(hasTimer, patience).toBe(true);
    await expect.poll(states, patience).toEqual({ [version.build]: 'draining', next: 'current' });
    const refused = await nas(['deploy', 'drain', deployment, 'next'], environment);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('which is current') });

    await before.handle.executeUpdate('retryStage', { args: [{ stage: 'one' }] });
    await before.handle.result();
    const drained = await nas(['deploy', 'drain', deployment, version.build, '--json'], environment);
    expect(JSON.parse(drained.stdout)).toEqual({ deployment, build: version.build, openRuns: 0 });
    const failures = (await before.handle.fetchHistory()).events?.filter(
      (event) => event.workflowTaskFailedEventAttributes != null,
    );
    expect(failures).toEqual([]);
    first.shutdown();
    await first.stopped;
    await after.handle.terminate();
  });
  await stop();
});
