import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { nas } from '../support/nas.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(lightActivities(unlimited));

test('a worker that is to end when it is idle does so with 0, and not while it works', async () => {
  process.env['NAS_RESULTS'] = temporaryFolder();
  const environment = { TEMPORAL_ADDRESS: server.environment.address };
  const args = ['worker', '--role', 'heavy', '--cpu', '2', '--allow-command', '--until-idle', '5'];
  let isOver = false;
  const ended = nas(args, environment).finally(() => (isOver = true));
  const run = ['sh', '-c', 'sleep 9'];
  const stage = { id: 'one', uses: 'command', with: { run }, queue: 'gpu', work: 'heavy' } as const;
  const { handle } = await server.start(planOf(stage));
  await handle.result();
  expect(isOver).toBe(false);
  await sleep(1000);
  expect(isOver).toBe(false);
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
});

test('a worker without devices is never idle: it is refused', async () => {
  const { code, stderr } = await nas(['worker', '--role', 'control', '--until-idle', '2'], {
    TEMPORAL_ADDRESS: server.environment.address,
  });
  expect(code).toBe(1);
  expect(stderr).toMatch(/--until-idle: expected a worker of heavy work, got --role control/);
});
