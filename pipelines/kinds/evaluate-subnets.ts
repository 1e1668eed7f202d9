import { BadInput } from '../../plan/endings.ts';
import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { sampledSubnets } from '../../nas/evaluation/subnet-set.ts';
import { evaluationCost } from './cost.ts';
import { defineKind, heavy, samples } from './kind.ts';

/** As many as a run can rank in one set. */
const LARGEST_SAMPLE = 50_000;

/** What parts of one ranking may differ in. */
const OF_A_PART: ReadonlySet<string> = new Set(['part', 'batch_size', 'threads']);

/** Tests one part of a set of subnets with a supernet's weights. */
export const evaluateSubnets = defineKind({
  ...heavy,
  name: 'evaluate-subnets',
  codeVersion: 2,
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
  // The original's files lie beside the supernet, in a folder named by its epoch and the test set.
  outside: ({ supernet, test_set: testSet, ...config }) => ({
    place: JSON.stringify(['json_results', supernet, testSet]),
    content: Object.fromEntries(Object.entries(config).filter(([key]) => !OF_A_PART.has(key))),
    refusal: (owner) =>
      `expected one set of subnets on a supernet and test set, got another than ${owner} ranks there: their files would meet; put all into one list, or these into a run of their own`,
  }),
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
      if (!(error instanceof BadInput)) throw error;
      return [
        {
          key: 'subnets',
          message: `expected fewer different subnets than the space ${space.name} has, got ${count}; lower count`,
        },
      ];
    }
  },
});
