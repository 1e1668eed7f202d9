import { z } from 'zod';
import { CommandConfig } from './command.ts';
import { evaluationCost, searchCost, standaloneTrainingCost, supernetTrainingCost, zeroCostCost } from './cost.ts';
import { DAY, defineKind } from './kind.ts';
import type { Kind } from './kind.ts';
import { EvaluateSubnetsConfig } from '../../nas/evaluation/config.ts';
import { wrongSizes } from '../../nas/evaluation/epoch-scores.ts';
import { GroundTruthTableConfig, groundTruthTable } from '../../nas/evaluation/ground-truth.ts';
import { MergeResultsConfig, mergeResults } from '../../nas/evaluation/merge.ts';
import { originalNames, Ranking } from '../../nas/evaluation/ranking.ts';
import { SearchSubnetsConfig } from '../../nas/evaluation/search/config.ts';
import { wrongSubnets } from '../../nas/evaluation/subnet-set.ts';
import { ZeroCostConfig } from '../../nas/evaluation/zero-cost/config.ts';
import { TrainStandaloneConfig, TrainSupernetConfig } from '../../nas/training/config.ts';
import { BadInput } from '../../plan/endings.ts';
import { report } from '../../pages/report.ts';
import { ReportConfig } from '../../report/report.ts';

/**
 * Every kind of stage that `uses` can name, one entry each: what `with` may hold, what comes out, what it costs, what runs
 * for it, how it may end. A new kind that a function does is one file and one entry here; one that a process does has its
 * entry file beside that. CONTRIBUTING.md walks through one.
 */

/** Hashes that are not known before the run. */
const SHA256 = '0'.repeat(64);

const sampleFile = { file: 'run/stage/file', sha256: SHA256 };
const sampleRanking = {
  table: sampleFile,
  top1: sampleFile,
  top5: sampleFile,
  predictor: null,
  subnets: 1,
  json_results: 'stage/json_results/epoch1',
};

const trainSupernet = defineKind({
  name: 'train-supernet',
  codeVersion: 2,
  summary: 'trains a supernet of K groups, anew or inherited from one of fewer',
  schema: TrainSupernetConfig,
  neutral: ['checkpoint_every_steps'],
  newKeys: { ranks: 1 },
  lists: ['ground_truth'],
  supernets: ['inherit'],
  hasEpochs: true,
  runs: { as: 'process', entry: 'nas/training/main.ts' },
  endings: ['NaNLoss'],
  samples: ({ groups }) => ({ selected: { ...sampleFile, epoch: 1, tau: 0.5, groups } }),
  cost: (config, { ground_truth: groundTruth = [] }) => supernetTrainingCost(config, groundTruth),
  check: (config, { ground_truth: groundTruth }) => wrongSizes(config, groundTruth),
});

/** What tau is measured against. */
const trainStandalone = defineKind({
  name: 'train-standalone',
  codeVersion: 2,
  summary: 'trains one subnet alone, once with each seed',
  schema: TrainStandaloneConfig,
  neutral: ['checkpoint_every_steps'],
  newKeys: { ranks: 1 },
  runs: { as: 'process', entry: 'nas/training/main.ts' },
  endings: ['NaNLoss'],
  samples: ({ arch }) => ({ result: { ...sampleFile, arch, mean: 50 } }),
  cost: standaloneTrainingCost,
});

const evaluateSubnets = defineKind({
  name: 'evaluate-subnets',
  codeVersion: 3,
  summary: "tests one part of a set of subnets with a supernet's weights",
  schema: EvaluateSubnetsConfig,
  neutral: ['chunk'],
  lists: ['subnets'],
  supernets: ['supernet'],
  runs: { as: 'process', entry: 'nas/evaluation/main.ts' },
  samples: ({ part, parts }) => ({
    part: { ...sampleFile, subnets: 1, set: { ...sampleFile, part, parts }, json_results: sampleRanking.json_results },
  }),
  cost: (config, { subnets = [] }) => evaluationCost(config, subnets),
  check: (config, { subnets = [] }) => wrongSubnets(config, subnets),
});

const searchSubnets = defineKind({
  name: 'search-subnets',
  codeVersion: 1,
  summary: 'looks for the best subnets of a space under limits, by evolution or at random',
  schema: SearchSubnetsConfig,
  supernets: ['supernet'],
  runs: { as: 'process', entry: 'nas/evaluation/main.ts' },
  samples: () => ({ ranking: sampleRanking, pareto: sampleFile }),
  cost: searchCost,
});

const zeroCost = defineKind({
  name: 'zero-cost-scores',
  codeVersion: 1,
  summary: 'scores the subnets of a ground truth by measures that need no training: gradient norm, SynFlow, NASWOT',
  schema: ZeroCostConfig,
  lists: ['ground_truth'],
  runs: { as: 'process', entry: 'nas/evaluation/main.ts' },
  samples: () => ({ scores: sampleFile }),
  cost: (config, { ground_truth: groundTruth = [] }) => zeroCostCost(config, groundTruth),
});

const merging = defineKind({
  name: 'merge-results',
  codeVersion: 2,
  summary: 'joins the parts of a ranking, all or nothing',
  schema: MergeResultsConfig,
  lists: ['fit.ground_truth'],
  runs: { as: 'function', phase: 'merging', perform: mergeResults },
  samples: () => ({ ranking: sampleRanking }),
  alsoNamed: ({ ranking }) => originalNames(Ranking.parse(ranking)),
});

const reporting = defineKind({
  name: 'report',
  codeVersion: 4,
  summary: 'writes the table of chosen supernets beside the baselines, overall and inside bands of equal size',
  schema: ReportConfig,
  lists: ['ground_truth'],
  anewBecause: 'it names files of its run',
  runs: { as: 'function', phase: 'reporting', perform: report },
  samples: () => ({ report: sampleFile }),
});

const tabulating = defineKind({
  name: 'ground-truth-table',
  codeVersion: 1,
  summary: 'writes the accuracies of the subnets trained alone, with their reliability',
  schema: GroundTruthTableConfig,
  runs: { as: 'function', phase: 'tabulating', perform: groundTruthTable },
  samples: () => ({ table: sampleFile }),
});

const command = defineKind({
  name: 'command',
  codeVersion: 1,
  summary: 'runs a program and keeps the files it promises',
  schema: CommandConfig,
  neutral: ['stall_seconds'],
  anewBecause: 'nobody knows what else its program reads',
  runs: { as: 'program', program: (config) => config },
  startToCloseMs: DAY,
  samples: ({ outputs }) => ({ files: Object.fromEntries(Object.keys(outputs).map((name) => [name, sampleFile])) }),
});

/** Its outputs are those of its stages: `${{ stages.<id>.<stage of it>.<output> }}`. */
const pipeline = defineKind({
  name: 'pipeline',
  codeVersion: 1,
  summary: 'runs another pipeline as one stage',
  schema: z.strictObject({
    file: z.string().min(1).meta({ description: 'Another pipeline file, relative to the project.' }),
    params: z
      .record(z.string(), z.json())
      .default({})
      .meta({ description: 'Its params; those not named keep their values.' }),
  }),
  anewBecause: 'its stages are taken over, each by itself',
  runs: { as: 'pipeline' },
  startToCloseMs: 30 * DAY,
  samples: () => ({}),
});

export const kinds: ReadonlyMap<string, Kind> = new Map(
  [
    trainSupernet,
    trainStandalone,
    evaluateSubnets,
    searchSubnets,
    zeroCost,
    merging,
    reporting,
    tabulating,
    command,
    pipeline,
  ].map((kind) => [kind.name, kind]),
);

/** The kind of that name. @throws BadInput where there is none */
export function kindOf(uses: string): Kind {
  const kind = kinds.get(uses);
  if (kind) return kind;
  throw new BadInput(`uses: expected one of ${[...kinds.keys()].join(', ')}, got ${JSON.stringify(uses)}`);
}
