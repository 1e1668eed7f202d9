import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PhaseClock, placeOf } from '../../activities/progress.ts';

const at = { version: 1, type: 'progress', phase: 'training', epoch: 2, epochs: 6, step: 17, steps: 156 } as const;

test.each([
  ['training, epoch 2, step 17 of 156', at],
  ['training, epoch 2, step 17', { ...at, steps: 0 }],
  ['evaluating, subnet 3 of 12', { ...at, phase: 'evaluating', subnets: 3, subnetsTotal: 12 }],
  ['evaluating, subnet 0', { ...at, phase: 'evaluating', subnets: 0 }],
] as const)('a process is at: %s', (words, progress) => {
  expect(placeOf(progress)).toBe(words);
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

test('the seconds of a phase are summed over all times that it was entered, to a millisecond', () => {
  const clock = new PhaseClock();
  const stay = (phase: string | null, ms: number): void => {
    clock.enter(phase);
    vi.advanceTimersByTime(ms);
  };
  vi.advanceTimersByTime(5000);
  expect(clock.seconds()).toBeNull();
  stay('loading', 1000.4);
  expect(clock.seconds()).toBeNull();
  stay('training', 2000);
  stay('saving', 100);
  stay('training', 3000.5);
  stay(null, 7000);
  clock.enter('saving');
  clock.enter(null);
  expect(clock.seconds()).toEqual({ loading: 1, training: 5.001, saving: 0.1 });
});
