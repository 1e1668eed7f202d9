import { describe, expect, test } from 'vitest';
import { learningRate } from '../../nas/training/sgd.ts';

const scheduler = { lr_way: 'warmup_cosine_lr', base_lr: 0.1, clamp_lr_percent: 0, warmup_factor: 0.001 } as const;

describe('the learning rate', () => {
  test('begins at the warm-up factor and rises linearly under the cosine', () => {
    expect(learningRate(scheduler, 0, 100, 10)).toBeCloseTo(0.1 * 0.001, 12);
    const half = 0.1 * (0.001 + 0.999 * 0.5) * 0.5 * (1 + Math.cos(Math.PI * 0.05));
    expect(learningRate(scheduler, 5, 100, 10)).toBeCloseTo(half, 12);
  });

  test('is the bare cosine once warm-up is over, and from the start where there is none', () => {
    expect(learningRate(scheduler, 50, 100, 10)).toBeCloseTo(0.05, 12);
    expect(learningRate(scheduler, 0, 100, 0)).toBe(0.1);
    expect(learningRate(scheduler, 100, 100, 10)).toBeCloseTo(0, 12);
  });

  test('never falls below the clamp after warm-up, and may during it', () => {
    const clamped = { ...scheduler, clamp_lr_percent: 0.05 };
    expect(learningRate(clamped, 99, 100, 10)).toBeCloseTo(0.005, 12);
    expect(learningRate(clamped, 0, 100, 10)).toBeCloseTo(0.0001, 12);
  });
});
