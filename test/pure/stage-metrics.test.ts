import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { registry, StageMetrics } from '../../activities/metrics.ts';
import { kinds } from '../../pipelines/kinds/catalogue.ts';
import type { StageInput } from '../../plan/results.ts';
import { series } from '../support/metric-series.ts';

const training = kinds.get('train-supernet')!;
const input: StageInput = {
  stage: 'few-shot-2',
  uses: 'train-supernet',
  directory: 'run/2',
  round: 1,
  with: { batch_size: 64, ranks: 2 },
};
const said = { version: 1, type: 'progress', phase: 'training', epoch: 1, epochs: 6, step: 10, steps: 156 };

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_000_000 });
  registry.resetMetrics();
});
afterEach(() => {
  vi.useRealTimers();
  registry.resetMetrics();
});

const labels = '{run="run",stage="few-shot-2",kind="train-supernet"}';

test('a stage at work tells where it is and how fast, in images of all its ranks', async () => {
  const stage = new StageMetrics(input, training, 0);
  stage.take({ ...said, loss: 1.5, tau: 0.25, stepsPerSecond: 4, subnets: 3, subnetsPerSecond: 2.5, bytesLeft: 7 });
  for (const [name, value] of [
    ['epoch', 1],
    ['step', 10],
    ['steps_per_second', 4],
    ['images_per_second', 512],
    ['subnets_per_second', 2.5],
    ['loss', 1.5],
    ['kendall_tau', 0.25],
    ['upload_bytes', 7],
  ] as const) {
    expect(await series(`nas_stage_${name}`)).toEqual([`${labels} ${value}`]);
  }
  // What is not said again stays as it was.
  stage.take({ ...said, step: 11 });
  expect(await series('nas_stage_loss')).toEqual([`${labels} 1.5`]);
  expect(await series('nas_stage_step')).toEqual([`${labels} 11`]);
  stage.end('done', null);
});

test('images are counted only where a stage says how many a step has, and says how fast it is', async () => {
  const without = new StageMetrics({ ...input, with: {} }, training, 0);
  without.take({ ...said, stepsPerSecond: 4 });
  expect(await series('nas_stage_images_per_second')).toEqual([]);
  without.end('done', null);
  const silent = new StageMetrics(input, training, 0);
  silent.take(said);
  expect(await series('nas_stage_images_per_second')).toEqual([]);
  silent.end('done', null);
});

test('the time of the last progress is that of the last change of its counts', async () => {
  const stage = new StageMetrics(input, training, 0);
  const at = async (ms: number, change: object): Promise<string[]> => {
    vi.setSystemTime(ms);
    stage.take({ ...said, ...change });
    return await series('nas_stage_progress_timestamp_seconds');
  };
  expect(await series('nas_stage_progress_timestamp_seconds')).toEqual([`${labels} 1000`]);
  expect(await at(2_000_000, {})).toEqual([`${labels} 2000`]);
  expect(await at(3_000_000, { loss: 2 })).toEqual([`${labels} 2000`]);
  expect(await at(4_000_000, { step: 11 })).toEqual([`${labels} 4000`]);
  expect(await at(5_000_000, { step: 11, subnets: 0 })).toEqual([`${labels} 4000`]);
  expect(await at(6_000_000, { step: 11, subnets: 1 })).toEqual([`${labels} 6000`]);
  expect(await at(7_000_000, { epoch: 2, step: 11, subnets: 1 })).toEqual([`${labels} 7000`]);
  expect(await at(8_000_000, { phase: 'saving', epoch: 2, step: 11, subnets: 1 })).toEqual([`${labels} 8000`]);
  stage.end('done', null);
});

test('what a process says that is no progress is passed over', async () => {
  const stage = new StageMetrics(input, training, 0);
  for (const other of [null, 'text', { ...said, type: 'done' }, { ...said, step: -1 }]) stage.take(other);
  expect(await series('nas_stage_step')).toEqual([]);
  stage.end('done', null);
});

test('an attempt that ends leaves its ending and its phases, and no series of its stage', async () => {
  const first = new StageMetrics(input, training, 0);
  const beside = new StageMetrics({ ...input, stage: 'other' }, training, 0);
  first.take(said);
  beside.take(said);
  first.end('Crashed', { training: 2.5, saving: 0.5 });
  new StageMetrics(input, training, 0).end('done', { training: 1 });
  expect(await series('nas_stage_step')).toEqual(['{run="run",stage="other",kind="train-supernet"} 10']);
  expect(await series('nas_stage_progress_timestamp_seconds')).toHaveLength(1);
  expect(await series('nas_stage_attempts_total')).toEqual([
    '{kind="train-supernet",ending="Crashed"} 1',
    '{kind="train-supernet",ending="done"} 1',
  ]);
  expect(await series('nas_stage_phase_seconds_total')).toEqual([
    '{kind="train-supernet",phase="training"} 3.5',
    '{kind="train-supernet",phase="saving"} 0.5',
  ]);
  beside.end('done', null);
});

test('the wait in the queue is counted in seconds, and never less than none', async () => {
  for (const ms of [-5, 50, 5000, 4_000_000]) new StageMetrics(input, training, ms).end('done', null);
  const lines = await series('nas_stage_queue_wait_seconds');
  const upTo = (bound: string): string =>
    lines.find((line) => line.includes(`le="${bound}"`))?.replace(/.* /, '') ?? 'none';
  expect(['0.1', '1', '10', '60', '300', '1800', '7200', '86400', '+Inf'].map(upTo)).toEqual([
    '2',
    '2',
    '3',
    '3',
    '3',
    '3',
    '4',
    '4',
    '4',
  ]);
  expect(lines.find((line) => line.startsWith('_sum'))).toMatch(/ 4005\.05$/);
});
