import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import { evaluationCost } from './cost.ts';
import { defineKind, heavy } from './kind.ts';
import { samples } from './references.ts';

/** As many as a run can rank in one set. */
const LARGEST_SAMPLE = 50_000;

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
  supernets: ['supernet'],
  outputs: ['part'],
  hasEpochs: false,
  samples: ({ part, parts }) => ({ part: samples.part(part, parts) }),
  cost: (config, { subnets = [] }) => evaluationCost(config, subnets),
  check: ({ space, parts, subnets }, { subnets: listed = [] }) => {
    if (!('sample' in subnets)) {
      if (parts <= listed.length || listed.length === 0) return [];
      return [
        {
          key: 'parts',
          message: `expected at most as many parts as subnets (${listed.length}), got ${parts}; lower parts`,
        },
      ];
    }
    const { count } = subnets.sample;
    if (count > LARGEST_SAMPLE) {
      return [{ key: 'subnets', message: `expected a sample of at most ${LARGEST_SAMPLE}, got ${count}; lower count` }];
    }
    try {
      sampledSubnets(space, subnets.sample);
      return [];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return [
        {
          key: 'subnets',
          message: `expected fewer different subnets than the space ${space.name} has, got ${count}; lower count`,
        },
      ];
    }
  },
});
