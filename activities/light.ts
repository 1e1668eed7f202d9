import { groundTruthTable } from './ground-truth-table.ts';
import { mergeResults } from './merge-results.ts';
import { report } from './report.ts';
import { selectEpoch } from './select-epoch.ts';

/** The activities of seconds, by the kind that `uses` names. */
export const lightActivities = {
  'merge-results': mergeResults,
  'ground-truth-table': groundTruthTable,
  report,
  'select-epoch': selectEpoch,
};
