import path from 'node:path';
import { expect, test } from 'vitest';
import { readManifest } from '../../artifacts/results.ts';
import { findServer } from '../../runtime/temporal-server.ts';
import { holdIn } from '../support/held-stage.ts';
import { nas, RunningNas } from '../support/nas.ts';
import { stageProcesses } from '../support/stage-processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

test(
  'after trainer, worker and server were killed at once, a new `nas up` carries the run on',
  { timeout: 180_000 },
  async () => {
    const folder = temporaryFolder();
    const [home, results] = [path.join(folder, 'home'), path.join(folder, 'results')];
    const environment = { NAS_HOME: home, NAS_RESULTS: results };
    // After its first checkpoint.
    const hold = await holdIn('unplugged/one-shot', 'training', 2);
    const up = new RunningNas(['up', '--json'], { ...environment, ...hold.environment });
    await up.prints('"devices"');
    await nas(['start', 'test/e2e/kills.yml', '--id', 'unplugged'], environment);
    const checkpoints = async (): Promise<number> =>
      (await readManifest(results, 'unplugged/one-shot'))?.checkpoints.length ?? 0;
    await expect.poll(checkpoints, { timeout: 60_000 }).toBeGreaterThan(0);

    const server = findServer(home)?.pid ?? 0;
    const trainers = stageProcesses(up.pid, 'unplugged');
    expect(trainers).toHaveLength(1);
    for (const pid of [up.pid, server, ...trainers]) process.kill(pid, 'SIGKILL');
    await up.ended;

    const again = new RunningNas(['up', '--json'], environment);
    await again.prints('"devices"');
    expect(await nas(['watch', 'unplugged'], environment)).toMatchObject({ code: 0, stderr: '' });
    expect((await readManifest(results, 'unplugged/one-shot'))?.attempts).toMatchObject([
      { ending: null },
      { ending: 'done' },
    ]);
    await again.interrupt();
  },
);
