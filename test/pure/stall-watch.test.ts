import { expect, test } from 'vitest';
import { StallWatch } from '../../activities/progress.ts';

const at = (step: number) => ({ phase: 'training', epoch: 0, step, subnets: 0 }) as const;
const MINUTE = 60_000;

function paced(stepMs: number): StallWatch {
  const watch = new StallWatch(0);
  for (let step = 0; step < 10; step++) watch.take(at(step), step * stepMs);
  return watch;
}

test('a process whose step does not change is stalled after many of its own step times', () => {
  const watch = paced(10_000);
  for (let minute = 2; minute < 10; minute++) watch.take(at(9), minute * MINUTE);
  expect(watch.stalledMs(90_000 + 199_000)).toBeNull();
  expect(watch.stalledMs(90_000 + 201_000)).toBe(201_000);
});

test('nothing is stalled within a minute, however fast its steps are', () => {
  const watch = paced(10);
  expect(watch.stalledMs(MINUTE)).toBeNull();
  expect(watch.stalledMs(90 + MINUTE + 1)).not.toBeNull();
});

test('a phase that has not shown its pace yet has half an hour', () => {
  const watch = paced(10);
  watch.take({ phase: 'saving', epoch: 0, step: 9 }, 100);
  expect(watch.stalledMs(29 * MINUTE)).toBeNull();
  expect(watch.stalledMs(31 * MINUTE)).not.toBeNull();
});

test('subnets that are done are progress, also within one step', () => {
  const watch = new StallWatch(0);
  const report = { phase: 'evaluating', epoch: 0, step: 0 } as const;
  for (let subnets = 0; subnets < 10; subnets++) watch.take({ ...report, subnets }, subnets * 10_000);
  expect(watch.stalledMs(90_000 + 199_000)).toBeNull();
  expect(watch.stalledMs(90_000 + 201_000)).toBe(201_000);
});

test('the time between two phases is the pace of neither', () => {
  const watch = new StallWatch(0);
  for (let step = 0; step < 10; step++) {
    watch.take(at(step), 20 * step);
    watch.take({ phase: 'saving', epoch: 0, step }, 20 * step + 10);
  }
  // Neither has ever made a step of its own, so both have half an hour.
  expect(watch.stalledMs(29 * MINUTE)).toBeNull();
  expect(watch.stalledMs(31 * MINUTE)).not.toBeNull();
});
