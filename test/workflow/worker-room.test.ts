import { expect, test } from 'vitest';
import { unlimited } from '../../activities/permissions.ts';
import { lightActivities } from '../../activities/stages.ts';
import { freePort } from '../../runtime/free-port.ts';
import { Room } from '../../workers/room.ts';
import { embeddedServer } from '../../workers/server.ts';
import { serveStatus } from '../../workers/status-page.ts';
import { startWorkers } from '../../workers/workers.ts';
import { planOf } from '../support/pipeline-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

const server = withPipelineServer(lightActivities(unlimited));

test('a worker without room takes no work, tells people and orchestrators why, and takes it when there is room', async () => {
  const root = temporaryFolder();
  process.env['NAS_RESULTS'] = root;
  const least = { memory: 0, disk: 1e18 };
  const said: string[] = [];
  const room = new Room(root, least, (line) => said.push(line));
  const config = embeddedServer(server.environment.address);
  const workers = await startWorkers(config, { roles: ['heavy'], devices: ['cpu'], permissions: unlimited, room });
  const port = await freePort('127.0.0.1');
  const page = await serveStatus({ host: '127.0.0.1', port }, { sdk: '127.0.0.1:1', room, workers, server: config });
  const answer = async (path: string): Promise<[status: number, text: string]> => {
    const found = await fetch(`http://127.0.0.1:${port}${path}`);
    return [found.status, await found.text()];
  };
  try {
    const short = /expected 1\.0e\+9 GB of disk at .* to be free, got \d/;
    expect(await answer('/readyz')).toEqual([503, expect.stringMatching(short)]);
    expect(await answer('/healthz')).toEqual([200, 'running\n']);
    const stage = { id: 'one', uses: 'command', with: { run: ['true'] }, queue: 'gpu', work: 'heavy' } as const;
    const run = await server.start(planOf(stage));
    await run.untilStage('one', 'running');
    // Far longer than a free worker takes to begin.
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const { raw } = await run.handle.describe();
    expect(raw.pendingActivities?.map(({ lastStartedTime }) => lastStartedTime ?? null)).toEqual([null]);
    least.disk = 0;
    await run.handle.result();
    expect(await answer('/readyz')).toEqual([200, 'ready\n']);
    expect(said).toEqual([expect.stringMatching(/^this worker takes no more work: /), 'this worker takes work again']);
    expect((await answer('/elsewhere'))[0]).toBe(404);
  } finally {
    workers.shutdown();
  }
  expect(await answer('/healthz')).toEqual([200, 'draining\n']);
  expect((await answer('/readyz'))[0]).toBe(503);
  await workers.stopped;
  await page.close();
});
