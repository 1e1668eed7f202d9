import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { evaluationCost } from './cost.ts';
import { defineKind, heavy } from './kind.ts';
import { samples } from './references.ts';

/** Tests one part of a set of subnets with a supernet's weights. */
export const evaluateSubnets = defineKind({
  ...heavy,
  name: 'evaluate-subnets',
  codeVersion: 1,
  summary: "tests one part of a set of subnets with a supernet's weights",
  schema: EvaluateSubnetsConfig,
  keys: Object.keys(EvaluateSubnetsConfig.shape),
  neutral: ['chunk'],
  lists: ['subnets'],
  outputs: ['part'],
  hasEpochs: false,
  samples: ({ part, parts }) => ({ part: samples.part(part, parts) }),
  cost: (config, { subnets = [] }) => evaluationCost(config, subnets),
});
