import { TrainSupernetConfig } from '../../nas/training/config.ts';
import { supernetTrainingCost } from './cost.ts';
import { defineKind, heavy, samples } from './kind.ts';

/** One-shot and few-shot stages: trains a supernet, and measures its tau after every epoch. */
export const trainSupernet = defineKind({
  ...heavy,
  name: 'train-supernet',
  codeVersion: 2,
  summary: 'trains a supernet of K groups, anew or inherited from one of fewer',
  schema: TrainSupernetConfig,
  keys: Object.keys(TrainSupernetConfig.shape),
  neutral: ['checkpoint_every_steps'],
  lists: ['ground_truth'],
  supernets: ['inherit'],
  outputs: ['selected'],
  hasEpochs: true,
  samples: ({ groups }) => ({ selected: samples.supernet(groups) }),
  cost: (config, { ground_truth: groundTruth = [] }) => supernetTrainingCost(config, groundTruth),
});
