import { describe, expect, test } from 'vitest';
import { learningRate } from '../../nas/training/sgd.ts';

const STEPS = 5; // of an epoch
const scheduler = { lr_way: 'warmup_cosine_lr', base_lr: 0.1, clamp_lr_percent: 0, warmup_factor: 0.001 } as const;
const config = { lr_scheduler: scheduler, epochs: 20, warmup_epochs: 2 };

describe('the learning rate', () => {
  test('begins at the warm-up factor and rises linearly under the cosine', () => {
    expect(learningRate(config, 0, STEPS)).toBeCloseTo(0.1 * 0.001, 12);
    const half = 0.1 * (0.001 + 0.999 * 0.5) * 0.5 * (1 + Math.cos(Math.PI * 0.05));
    expect(learningRate(config, 5, STEPS)).toBeCloseTo(half, 12);
  });

  test('is the bare cosine once warm-up is over, and from the start where there is none', () => {
    expect(learningRate(config, 50, STEPS)).toBeCloseTo(0.05, 12);
    expect(learningRate({ ...config, warmup_epochs: 0 }, 0, STEPS)).toBe(0.1);
    expect(learningRate(config, 100, STEPS)).toBeCloseTo(0, 12);
  });

  test('never falls below the clamp after warm-up, and may during it', () => {
    const clamped = { ...config, lr_scheduler: { ...scheduler, clamp_lr_percent: 0.05 } };
    expect(learningRate(clamped, 99, STEPS)).toBeCloseTo(0.005, 12);
    expect(learningRate(clamped, 0, STEPS)).toBeCloseTo(0.0001, 12);
  });

  test('falls over cosine_epochs where a stage has them, and stays at the end of a shorter fall', () => {
    const slow = { ...config, lr_scheduler: { ...scheduler, cosine_epochs: 40 } };
    expect(learningRate(slow, 99, STEPS)).toBeCloseTo(learningRate({ ...config, epochs: 40 }, 99, STEPS), 12);
    expect(learningRate(slow, 99, STEPS)).toBeGreaterThan(0.05);
    const fast = { ...config, lr_scheduler: { ...scheduler, cosine_epochs: 10, clamp_lr_percent: 0.05 } };
    expect(learningRate(fast, 80, STEPS)).toBeCloseTo(0.005, 12);
  });
});
