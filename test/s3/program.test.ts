import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test, vi } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { unlimited } from '../../activities/permissions.ts';
import { heavyActivities } from '../../activities/stages.ts';
import { openStore } from '../../artifacts/results.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { StageInput, StageResult } from '../../plan/results.ts';
import { gatewayOfFile } from '../support/gateway.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const gateway = await gatewayOfFile();

const command = heavyActivities(new DevicePool(['cpu']), unlimited)['command']!;

async function run(stage: string, config: JsonObject): Promise<StageResult> {
  const input: StageInput = { stage, uses: 'command', directory: `test/${stage}`, round: 1, with: config };
  return await new MockActivityEnvironment().run<[StageInput], StageResult, typeof command>(command, input);
}

test('a program finds the files of its run that its words name, wherever they were made, and only those', async () => {
  const root = gateway.root('programs');
  vi.stubEnv('NAS_RESULTS', root);
  vi.stubEnv('NAS_CACHE', temporaryFolder());
  const outputs = { one: 'one.txt', two: 'sub/two.txt', three: 'three.txt' };
  const script = 'mkdir sub; echo 1 > one.txt; echo 2 > sub/two.txt; echo 3 > three.txt';
  await run('made', { run: ['sh', '-c', script], outputs });
  const store = openStore(root);
  // As on another machine.
  rmSync(await store.workFolder('test/made'), { recursive: true });
  const read = { run: ['sh', '-c', 'cat "$NAS_RESULTS/test/made/one.txt" "$TWO" > out.txt'] };
  const env = { TWO: 'test/made/sub/two.txt' };
  await expect(run('lost', { ...read, env, outputs: { out: 'out.txt' } })).rejects.toThrow('exit code 1');
  const elsewhere = {
    ...read,
    run: ['sh', '-c', 'cat "$NAS_RESULTS/test/made/one.txt" "$NAS_RESULTS/$TWO" > out.txt'],
  };
  const { outputs: made } = await run('read', { ...elsewhere, env, outputs: { out: 'out.txt' } });
  const [out] = (await store.read('test/read'))!.files;
  expect(made).toMatchObject({ files: { out: { file: 'test/read/out.txt' } } });
  expect(readFileSync(await store.fetch(out!), 'utf8')).toBe('1\n2\n');
  const folder = path.dirname(await store.workFolder('test/read'));
  expect([existsSync(path.join(folder, 'made/one.txt')), existsSync(path.join(folder, 'made/three.txt'))]).toEqual([
    true,
    false,
  ]);
});
