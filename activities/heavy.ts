import { command } from './command.ts';
import type { DevicePool } from './devices.ts';
import { evaluateSubnets } from './evaluate-subnets.ts';
import { trainStandalone } from './train-standalone.ts';
import { trainSupernet } from './train-supernet.ts';
import type { StageInput, StageResult } from '../plan/results.ts';

type HeavyActivity = (input: StageInput, device: string) => Promise<StageResult>;

/** By the kind that `uses` names. */
const heavy: Readonly<Record<string, HeavyActivity>> = {
  'train-supernet': trainSupernet,
  'train-standalone': trainStandalone,
  'evaluate-subnets': evaluateSubnets,
  command,
};

/** The activities that run a process, each on a device of the pool. */
export function heavyActivities(pool: DevicePool): Record<string, (input: StageInput) => Promise<StageResult>> {
  return Object.fromEntries(
    Object.entries(heavy).map(([name, perform]) => [
      name,
      (input: StageInput) => pool.use((device) => perform(input, device)),
    ]),
  );
}
