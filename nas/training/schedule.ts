import type { LrScheduler } from './config.ts';

/**
 * Learning rate of iteration `step` of `total`: base · warm-up · ½(1 + cos(π·step/total)), the cosine running under the
 * warm-up too. Warm-up rises linearly from warmup_factor to 1 over the first `warmup` iterations (the original's WarmupCosineLR).
 */
export function learningRate(scheduler: LrScheduler, step: number, total: number, warmup: number): number {
  const { base_lr: base, warmup_factor: begin, clamp_lr_percent: clamp } = scheduler;
  const rise = step < warmup ? begin + (1 - begin) * (step / warmup) : 1;
  const rate = base * rise * 0.5 * (1 + Math.cos((Math.PI * step) / total));
  return step > warmup ? Math.max(rate, base * clamp) : rate;
}
