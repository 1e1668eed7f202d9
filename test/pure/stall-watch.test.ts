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
