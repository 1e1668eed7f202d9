import { ArchCodeError, parseArchCode } from '../../nas/space/arch-code.ts';
import { TrainStandaloneConfig } from '../../nas/training/config.ts';
import { standaloneTrainingCost } from './cost.ts';
import { defineKind, heavy, samples } from './kind.ts';

/** Trains one subnet alone, once with each seed: what tau is measured against. */
export const trainStandalone = defineKind({
  ...heavy,
  name: 'train-standalone',
  codeVersion: 2,
  summary: 'trains one subnet alone, once with each seed',
  schema: TrainStandaloneConfig,
  keys: Object.keys(TrainStandaloneConfig.shape),
  neutral: ['checkpoint_every_steps'],
  lists: [],
  outputs: ['result'],
  hasEpochs: false,
  samples: ({ arch }) => ({ result: samples.standalone(arch) }),
  cost: (config) => standaloneTrainingCost(config),
  check: ({ space, arch }) => {
    try {
      parseArchCode(space, arch);
      return [];
    } catch (error) {
      if (!(error instanceof ArchCodeError)) throw error;
      const message = `expected ${error.expected} at digit [${error.position}], got ${error.got}; correct the arch code`;
      return [{ key: 'arch', message }];
    }
  },
});
