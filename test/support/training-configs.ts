// A whole training config, small enough to train in a second; tests change a key or two of it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';

const space: TrainSupernetConfig['space'] = {
  name: 'tiny',
  channels: 1,
  resolutions: [20, 28],
  stem: { kernel: 3, stride: 2, pool: false, base: 4 },
  stages: [
    { base: 4, stride: 1, depth: [1, 2] },
    { base: 6, stride: 2, depth: [1, 2] },
  ],
  ratios: [1, 0.75, 0.5],
  divisor: 1,
};

const dataset: TrainSupernetConfig['dataset'] = {
  kind: 'fashion-mnist',
  name: 'fashion-tiny',
  classes: 10,
  channels: 1,
  resolution: 28,
  normalise: { mean: [0.2861], std: [0.353] },
  seed: 1,
  parts: {
    training: 320,
    calibration: 120,
    selection: 200,
    'ground-truth-training': 320,
    'ground-truth-test': 200,
    test: 200,
  },
  augmentation: { shift: 2, flip: true },
};

const shared = {
  space,
  dataset,
  n_classes: 10,
  batch_size: 64,
  ranks: 1,
  drop_last: true,
  epochs: 2,
  warmup_epochs: 1,
  label_smoothing: 0.1,
  dropout: 0.2,
  grad_clip_value: 1,
  weight_decay_weight: 1e-5,
  weight_decay_bn_bias: 0,
  optimizer: { method: 'sgd', momentum: 0.9, nesterov: true },
  lr_scheduler: { lr_way: 'warmup_cosine_lr', base_lr: 0.1, clamp_lr_percent: 0, warmup_factor: 0.001 },
  bn_momentum: 0,
  bn_eps: 1e-5,
  calibration: { part: 'calibration', batches: 2, batch_size: 60 },
  precision: 'float32',
  threads: 1,
  checkpoint_every_steps: 2,
} as const;

const groundTruth = 'test/fixtures/ground-truth-tiny.json';

function sha256Of(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** One-shot training: 2 epochs of 5 steps of 64 images. */
export function tinySupernet(changes: Partial<TrainSupernetConfig> = {}): TrainSupernetConfig {
  return {
    ...shared,
    seed: 0,
    groups: 1,
    inherit: null,
    num_arch_training: 4,
    sandwich_rule: true,
    inplace_distill: true,
    sample_way: 'random',
    drop_connect: 0,
    drop_connect_only_last_two_stages: true,
    group_lr_factors: {},
    group_lr_blocks: null,
    selection: { part: 'selection', batch_size: 100 },
    ground_truth: { file: groundTruth, sha256: sha256Of(groundTruth) },
    keep: { min_tau: null },
    ...changes,
  };
}

/** One subnet alone, with two seeds. */
export function tinyStandalone(changes: Partial<TrainStandaloneConfig> = {}): TrainStandaloneConfig {
  return {
    ...shared,
    arch: '111222002200',
    seeds: [1, 2],
    test: { part: 'ground-truth-test', batch_size: 100 },
    ...changes,
  };
}
