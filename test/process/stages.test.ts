import { MockActivityEnvironment } from '@temporalio/testing';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { DevicePool } from '../../activities/device-pool.ts';
import { registry } from '../../activities/metrics.ts';
import { unlimited } from '../../activities/permissions.ts';
import { startTracing } from '../../activities/spans.ts';
import { heavyActivities, lightActivities, lightStages } from '../../activities/stages.ts';
import { kinds } from '../../pipelines/kinds/catalogue.ts';
import type { JsonObject } from '../../plan/json.ts';
import type { StageInput, StageResult } from '../../plan/results.ts';
import { collector } from '../support/span-collector.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { series } from '../support/metric-series.ts';

// What a worker makes of the catalogue of kinds, and what it tells those who watch it.

beforeEach(() => {
  vi.stubEnv('NAS_RESULTS', temporaryFolder());
  registry.resetMetrics();
});
afterEach(() => void vi.unstubAllEnvs());

test('each kind has its activity, where its work is done: heavy work on devices, light work in the worker, pipelines nowhere', () => {
  const light = ['ground-truth-table', 'merge-results', 'report'];
  expect(Object.keys(lightStages(unlimited)).toSorted()).toEqual(light);
  expect(Object.keys(lightActivities(unlimited)).toSorted()).toEqual([...light, 'notify', 'select-epoch'].toSorted());
  const heavy = Object.keys(heavyActivities(new DevicePool(['cpu']), unlimited));
  expect([...heavy, ...light, 'pipeline'].toSorted()).toEqual([...kinds.keys()].toSorted());
});

const devices = new DevicePool(['gpu:0', 'gpu:1']);
const { command } = heavyActivities(devices, unlimited);
const firstRun = '01a21c74-e6df-79bb-983e-18755df65061';

async function run(config: JsonObject, activity = command!, uses = 'command'): Promise<StageResult> {
  const input: StageInput = { stage: 'a', uses, directory: 'test/a', round: 1, with: config, firstRun };
  const environment = new MockActivityEnvironment({ currentAttemptScheduledTimestampMs: Date.now() - 5000 });
  return await environment.run<[StageInput], StageResult, typeof activity>(activity, input);
}

test('attempts are counted and traced by how they ended, with their device and how long they waited', async () => {
  const { endpoint, spans } = await collector();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', endpoint);
  const end = await startTracing();
  await expect(run({ run: ['false'] })).rejects.toThrow('exit code 1');
  await run({ run: ['true'] });
  await run({ run: ['true'] });
  await expect(run({ run: [] })).rejects.toThrow('a.with.run');
  await end();
  expect(await series('nas_stage_attempts_total')).toEqual(
    ['Crashed', 'done', 'reused', 'BadInput'].map((ending) => `{kind="command",ending="${ending}"} 1`),
  );
  expect((await series('nas_stage_phase_seconds_total')).map((line) => line.split('}')[0])).toEqual(
    ['running', 'hashing'].map((phase) => `{kind="command",phase="${phase}"`),
  );
  const waited = await series('nas_stage_queue_wait_seconds');
  expect(waited.slice(0, 3).map((line) => line.split(' ').at(-1))).toEqual(['0', '0', '4']);
  const told = spans.map(({ attributes, status }) => [
    attributes['nas.ending'],
    attributes['nas.device'],
    status.message,
  ]);
  expect(told).toEqual([
    ['Crashed', 'gpu:0', expect.stringContaining('exit code 1')],
    ['done', expect.stringMatching(/^gpu:[01]$/), undefined],
    ['reused', expect.stringMatching(/^gpu:[01]$/), undefined],
    ['BadInput', expect.stringMatching(/^gpu:[01]$/), expect.stringContaining('a.with.run')],
  ]);
  expect(devices.busy).toBe(0);
});

test('an ending that its kind does not name counts as a crash', async () => {
  const merge = lightStages(unlimited)['merge-results']!;
  const config = { parts: [null], smooth: false };
  const message = expect.stringMatching(/^merge: expected at least one part/);
  await expect(run(config, merge, 'merge-results')).rejects.toMatchObject({
    type: 'BadInput',
    message,
  });
  const kind = kinds.get('merge-results')!;
  const { endings } = kind;
  onTestFinished(() => void Object.assign(kind, { endings }));
  Object.assign(kind, { endings: ['Crashed'] });
  await expect(run(config, merge, 'merge-results')).rejects.toMatchObject({
    type: 'Crashed',
    message: expect.stringContaining(
      'merge-results: expected an ending that its entry in the catalogue names, got BadInput: BadInput: merge: ',
    ),
  });
});
