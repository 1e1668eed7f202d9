import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { catalogue } from '../../artifacts/catalogue.ts';
import { keepServer } from '../../runtime/server-keeper.ts';
import { nas } from '../support/nas.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// npm run test:image

const IMAGE = 'localhost/fewshot-nas';
const USER = 10001;

async function podman(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)('podman', args)).stdout.trim();
}

test(
  'a worker in the image, as a user of its own and with a root that nobody can write, runs a pipeline to its end',
  { timeout: 600_000 },
  async () => {
    const folder = temporaryFolder();
    const results = path.join(folder, 'results');
    mkdirSync(results);
    // The user of the image is none of this machine's.
    chmodSync(folder, 0o755);
    chmodSync(results, 0o777);
    const keeper = await keepServer(path.join(folder, 'home'), new AbortController().signal);
    onTestFinished(async () => await keeper.stop());
    const environment = { TEMPORAL_ADDRESS: keeper.address, NAS_RESULTS: results };

    const confined = ['--read-only', '--tmpfs=/tmp', '--cap-drop=all', '--security-opt=no-new-privileges'];
    const files = [
      `--volume=${results}:/results`,
      `--volume=${path.resolve('test/fixtures')}:/project/test/fixtures:ro`,
    ];
    const server = ['--network=host', `--env=TEMPORAL_ADDRESS=${keeper.address}`];
    const worker = await podman('run', '--detach', ...confined, ...files, ...server, IMAGE, 'worker', '--cpu', '2');
    onTestFinished(async () => void (await podman('rm', '--force', '--volumes', worker)));

    expect(await nas(['start', 'test/e2e/tiny.yml'], environment)).toMatchObject({ code: 0 });
    const choosing = async (): Promise<number> => (await nas(['select', 'tiny', 'few-shot-2', '1'], environment)).code;
    await expect.poll(choosing, { interval: 2000, timeout: 300_000 }).toBe(0);
    expect(await nas(['watch', 'tiny'], environment)).toMatchObject({ code: 0 });
    const made = await catalogue(results, 'tiny');
    expect(made.map(({ manifest }) => manifest.state)).toEqual(made.map(() => 'done'));
    expect(new Set(made.map(({ directory }) => statSync(path.join(results, directory)).uid))).toEqual(new Set([USER]));

    await expect(podman('exec', worker, 'sh', '-c', 'echo > /opt/nas/new')).rejects.toThrow(/Read-only file system/);
    expect(await podman('exec', worker, 'id', '-u')).toBe(String(USER));
    // Its first process passes on what ends it, and the worker leaves by itself.
    await podman('stop', '--time', '60', worker);
    expect(await podman('inspect', '--format', '{{.State.ExitCode}}', worker)).toBe('0');
  },
);
