import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { unlimited } from '../../activities/permissions.ts';
import { heavyActivities } from '../../activities/stages.ts';
import { sha256Of } from '../../artifacts/files.ts';
import type { Manifest } from '../../artifacts/manifest.ts';
import { readManifest } from '../../artifacts/results.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { StageInput, StageResult } from '../../plan/results.ts';
import { programFile } from '../../runtime/layout.ts';
import { isAlive } from '../../runtime/processes.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

// Programs that know nothing of us, run as stages of the kind `command` by their activity.

const directory = 'test/a';
const pool = new DevicePool(['gpu:7']);
const command = heavyActivities(pool, unlimited)['command']!;

let root = '';
beforeEach(() => {
  root = temporaryFolder();
  vi.stubEnv('NAS_RESULTS', root);
});
afterEach(() => void vi.unstubAllEnvs());

const shell = (script: string): readonly string[] => ['sh', '-c', script];
const textOf = (name: string): string => readFileSync(path.join(root, directory, name), 'utf8');
const manifestOf = async (): Promise<Manifest> => (await readManifest(root, directory))!;

async function run(
  program: readonly string[],
  more: JsonObject = {},
  environment = new MockActivityEnvironment(),
): Promise<StageResult> {
  const input: StageInput = { stage: 'a', uses: 'command', directory, round: 1, with: { run: [...program], ...more } };
  return await environment.run<[StageInput], StageResult, typeof command>(command, input);
}

test('a program works in the folder of its stage, with its own variables, on its device, and what it promised is kept', async () => {
  const script =
    'echo said; echo wrong >&2; echo "$WORD $NAS_STAGE $NAS_RESULTS $NAS_DEVICE $CUDA_VISIBLE_DEVICES" > out';
  const { outputs } = await run(shell(script), { env: { WORD: 'x' }, outputs: { made: 'out', log: 'trainer.log' } });
  const text = `x ${directory} ${root} gpu:7 7\n`;
  expect(textOf('out')).toBe(text);
  expect(outputs).toMatchObject({ files: { made: { file: `${directory}/out`, sha256: sha256Of(text) } } });
  expect(Object.keys(outputs!['files']!)).toEqual(['made', 'log']);
  expect(textOf('trainer.log')).toMatch(/^--- \S+Z .*program-guard.*\nsaid\nwrong\n$/);
  const { attempts, files } = await manifestOf();
  expect(files.map(({ file }) => file)).toEqual([`${directory}/out`, `${directory}/trainer.log`]);
  expect(attempts).toMatchObject([{ device: 'gpu:7', ending: 'done' }]);
  expect(Object.keys(attempts[0]!.phases!)).toEqual(['running', 'hashing']);
  expect(pool.busy).toBe(0);
});

describe('a program', () => {
  test.each([
    [
      'that keeps no promise',
      shell('true'),
      'a: expected the program to write test/a/out, got no such file; see its log',
    ],
    [
      'that fails',
      shell('exit 3'),
      expect.stringMatching(/^the process ended with exit code 3, .*; its last output is in test\/a\/trainer\.log$/),
    ],
    ['that is killed', shell('kill -KILL $$'), expect.stringMatching(/^the process was ended by SIGKILL, /)],
    [
      'that another signal ends',
      shell('kill -TERM $$'),
      expect.stringMatching(/^the process ended with exit code 1, /),
    ],
    ['that is not there', ['no-such-program'], expect.stringMatching(/^the process ended with exit code 127, /)],
  ])('%s ends its attempt, and its device is free again', async (_, program, message) => {
    await expect(run(program, { outputs: { made: 'out' } })).rejects.toMatchObject({ type: 'Crashed', message });
    expect((await manifestOf()).attempts).toMatchObject([{ ending: 'Crashed' }]);
    expect(pool.busy).toBe(0);
  });

  test('that is not there is told of in its log', async () => {
    await run(['no-such-program']).catch(() => undefined);
    expect(textOf('trainer.log')).toContain(
      "no-such-program: expected a program that can be started, got none of that name; install it here, or correct the stage's run",
    );
  });

  test('that says nothing for too long is killed; one that speaks now and then is not, and one without a limit neither', async () => {
    await expect(run(shell('echo word; sleep 60'), { stall_seconds: 0.5 })).rejects.toMatchObject({
      type: 'Stalled',
      message: 'the process lives but makes no step; it begins anew',
    });
    const speaks = shell('for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.5; echo $i; done');
    // Longer than a busy machine takes to start it.
    await expect(run(speaks, { stall_seconds: 4 })).resolves.toMatchObject({ outputs: { files: {} } });
    // It is looked at once a second.
    await expect(run(shell('sleep 2.5'))).resolves.toMatchObject({ reused: null });
  });

  test('is asked to end where its stage is cancelled, and may tidy up', async () => {
    const environment = new MockActivityEnvironment();
    const running = run(
      shell('trap "echo tidied; exit 0" TERM; echo begun; while :; do sleep 0.1; done'),
      {},
      environment,
    );
    const cancelled = expect(running).rejects.toThrow();
    await expect.poll(() => textOf('trainer.log'), { timeout: 30_000 }).toContain('begun');
    expect(pool.busy).toBe(1);
    environment.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested: true }));
    await cancelled;
    await expect
      .poll(async () => (await manifestOf()).attempts, { timeout: 30_000 })
      .toMatchObject([{ ending: 'Cancelled' }]);
    expect(textOf('trainer.log')).toContain('tidied');
  });
});

test('when the worker is gone a program ends with all that it has started, and no process of another attempt', async () => {
  const folder = temporaryFolder();
  const order = path.join(folder, 'job.json');
  // The first leaves the group, the second stays in it and has no variable.
  const script = 'setsid sleep 600 & echo $! > far; env -i sleep 600 & echo $! > near; wait';
  writeFileSync(order, JSON.stringify({ run: shell(script) }));
  const env = { ...process.env, NAS_STAGE: directory, NAS_ATTEMPT: `attempt of ${folder}` };
  const other = spawn('sleep', ['600'], { env: { ...env, NAS_ATTEMPT: `another attempt of ${folder}` } });
  onTestFinished(() => void other.kill());
  const guard = fork(programFile('activities/program-guard.ts'), [order], { detached: true, env });
  const pid = (name: string): number => Number(readFileSync(path.join(folder, name), 'utf8'));
  const lives = (): boolean[] => ['far', 'near'].map((name) => isAlive(pid(name)));
  await vi.waitFor(() => expect(pid('near')).toBeGreaterThan(0), 30_000);
  expect(lives()).toEqual([true, true]);
  expect(readFileSync(`/proc/${guard.pid}/cmdline`, 'utf8')).toContain(directory);
  const exit = once(guard, 'exit');
  guard.disconnect();
  expect(await exit).toEqual([null, 'SIGKILL']);
  await vi.waitFor(() => expect(lives()).toEqual([false, false]), 30_000);
  expect([other.exitCode, other.signalCode]).toEqual([null, null]);
});
