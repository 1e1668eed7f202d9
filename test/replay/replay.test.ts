import path from 'node:path';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { shapes } from './shapes.ts';
import { workflowCode } from '../../workers/workflow-bundle.ts';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const folder = path.join(import.meta.dirname, 'histories');

test('there is a recorded history of every way a run can go', () => {
  const recorded = readdirSync(folder).map((file) => path.basename(file, '.json'));
  expect(recorded).toEqual(expect.arrayContaining(Object.keys(shapes)));
});

test.each(readdirSync(folder))('%s replays', async (file) => {
  const history: unknown = JSON.parse(readFileSync(path.join(folder, file), 'utf8'));
  await Worker.runReplayHistory(await workflowCode(), history);
});
