import { groundTruthTable } from './ground-truth-table.ts';
import { mergeResults } from './merge-results.ts';
import { selectEpoch } from './select-epoch.ts';
import { beating, traced } from './stage-activity.ts';
import { report } from '../report/report.ts';

/** The activities of seconds, by the kind that `uses` names. */
export const lightActivities = {
  'merge-results': beating(traced('merging', mergeResults)),
  'ground-truth-table': beating(traced('tabulating', groundTruthTable)),
  report: beating(traced('reporting', report)),
  'select-epoch': beating(selectEpoch),
};
