/** Everything that `uses` can name. A new kind is one file here and one activity of the same name. */
import { command } from './command.ts';
import { groundTruthTable } from './ground-truth-table.ts';
import { evaluateSubnets } from './evaluate-subnets.ts';
import type { Kind } from './kind.ts';
import { mergeResults } from './merge-results.ts';
import { pipeline } from './pipeline.ts';
import { report } from './report.ts';
import { trainStandalone } from './train-standalone.ts';
import { trainSupernet } from './train-supernet.ts';

const all = [
  trainSupernet,
  trainStandalone,
  evaluateSubnets,
  mergeResults,
  report,
  groundTruthTable,
  command,
  pipeline,
];

export const kinds: ReadonlyMap<string, Kind> = new Map(all.map((kind) => [kind.name, kind]));
