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

test('each phase has its own pace, of which the time between two phases is no part', () => {
  const watch = new StallWatch(0, 1);
  for (let step = 1; step <= 6; step++) watch.take(at(step), step * 1000);
  // A long way to the next phase, and back.
  watch.take({ phase: 'saving', epoch: 0, step: 6 }, 6_000_000);
  watch.take(at(7), 9_000_000);
  expect(watch.stalledMs(9_000_000 + 20_000)).toBeNull();
  expect(watch.stalledMs(9_000_000 + 20_001)).toBe(20_001);
});

test('a pace is known after five steps, and is the median of the last two hundred', () => {
  const watch = new StallWatch(0, 1);
  watch.take(at(0), 0);
  let now = 0;
  const steps = (count: number, ms: number): void => {
    for (let i = 0; i < count; i++) watch.take(at(now + 1), (now += ms));
  };
  steps(3, 1000);
  expect(watch.stalledMs(now + 1_000_000)).toBeNull();
  steps(2, 1000);
  expect(watch.stalledMs(now + 20_001)).toBe(20_001);
  steps(95, 1000);
  steps(101, 3000);
  expect(watch.stalledMs(now + 60_000)).toBeNull();
  expect(watch.stalledMs(now + 60_001)).toBe(60_001);
  steps(100, 500);
  expect(watch.stalledMs(now + 60_000)).toBeNull();
  steps(1, 500);
  expect(watch.stalledMs(now + 10_001)).toBe(10_001);
});
