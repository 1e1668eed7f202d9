import { selectEpoch } from './select-epoch.ts';

/** The activities of seconds, by the kind that `uses` names. */
export const lightActivities = {
  'select-epoch': selectEpoch,
};
