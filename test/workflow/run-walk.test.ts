import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { heldActivities } from '../support/held-activities.ts';
import { HISTORY, walk, walks } from '../support/run-walk.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

// The same few walks with every `npm test`; npm run test:walks takes 500 others. NAS_WALK_SEED=N NAS_WALKS=1 repeats one.
const { NAS_WALKS, NAS_WALK_SEED } = process.env;
const count = Number(NAS_WALKS ?? 4);
const firstSeed = Number(NAS_WALK_SEED ?? (NAS_WALKS === undefined ? 1 : Date.now() % 1_000_000));
const AT_ONCE = 8;

const server = withPipelineServer(heldActivities, [
  '--dynamic-config-value',
  `limit.historyCount.suggestContinueAsNew=${HISTORY}`,
]);

test(
  'a run under any commands is in the states of a plain model of it, and ends with its outputs',
  { timeout: 120_000 + count * 10_000 },
  async () => {
    const seeds = Array.from({ length: count }, (_, at) => firstSeed + at);
    const failures: string[] = [];
    let renewed = 0;
    const walkers = Array.from({ length: AT_ONCE }, async () => {
      for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
        const [sequence] = fc.sample(walks, { seed, numRuns: 1 });
        await walk(server, sequence!).then(
          (times) => (renewed += times),
          (error: unknown) => failures.push(`seed ${seed}: ${String(error)}`),
        );
      }
    });
    await Promise.all(walkers);
    console.log(
      `seeds ${firstSeed} to ${firstSeed + count - 1}: ${failures.length} disagreements, ${renewed} runs continued as new`,
    );
    expect(failures).toEqual([]);
  },
);
