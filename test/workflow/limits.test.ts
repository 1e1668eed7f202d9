import { expect, test } from 'vitest';
import { startOrAttach } from '../../cli/start.ts';
import { loadPipeline } from '../../pipelines/compile.ts';
import { CONTROL_QUEUE, PIPELINE } from '../../plan/names.ts';
import type { SelectInput, StageInput, StageResult } from '../../plan/results.ts';
import { planOf } from '../support/pipeline-server.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';
import type { JsonObject } from '../../plan/json.ts';

const sha256 = 'a'.repeat(64);
const nothing = { outputs: null, choices: null, chosen: null, attempt: 1, reused: null };

function gives(outputs: (input: StageInput) => JsonObject) {
  return async (input: StageInput): Promise<StageResult> => ({ ...nothing, outputs: outputs(input) });
}

// What the real ones give, without the work.
const activities = {
  ...plainActivities,
  'train-supernet': async ({ with: { epochs } }: StageInput): Promise<StageResult> => {
    const choices = Array.from({ length: Number(epochs) }, (_, epoch) => ({
      epoch,
      tau: 0.5 + epoch / 1000,
      interval: [0.4123456789, 0.6123456789] as const,
    }));
    return { ...nothing, choices };
  },
  'select-epoch': async (input: SelectInput): Promise<StageResult> => {
    const file = `${input.directory}/0.5123_${input.chosen.epoch}.safetensors`;
    const selected = { file, sha256, epoch: input.chosen.epoch, tau: 0.5123, groups: input.with['groups'] ?? 1 };
    return { ...nothing, outputs: { selected } };
  },
  'evaluate-subnets': gives(({ directory, with: { part, parts } }) => ({
    part: {
      file: `${directory}/table.csv`,
      sha256,
      subnets: 5625,
      set: { file: `${directory}/set.json`, sha256, part: part ?? 0, parts: parts ?? 0 },
      json_results: '7_from_6/json_results/epoch99_all_test',
    },
  })),
  'merge-results': gives(({ directory }) => ({
    ranking: {
      table: { file: `${directory}/table_final.csv`, sha256 },
      top1: { file: `${directory}/top1_json_final.json`, sha256 },
      top5: { file: `${directory}/top5_json_final.json`, sha256 },
      predictor: null,
      subnets: 45_000,
      json_results: '7_from_6/json_results/epoch99_all_test',
    },
  })),
  report: gives(({ directory }) => ({ report: { file: `${directory}/report.md`, sha256 } })),
};
const server = withPipelineServer(activities);

test.each(['quickstart', 'cvpr2022-track1'])(
  'the history of %s has less than 2,000 events, none of them over 100 KB',
  async (name) => {
    const stop = await server.work({ taskQueue: 'gpu', activities });
    try {
      const run = await server.start(loadPipeline(`pipelines/${name}.yml`));
      await run.handle.result();
      expect(new Set(Object.values(await run.states()))).toEqual(new Set(['done']));
      const { events = [] } = await run.handle.fetchHistory();
      expect(events?.length).toBeLessThan(2000);
      const bytes = events?.map((event) => JSON.stringify(event).length) ?? [];
      // Payloads are base64 there, a third longer than they are.
      expect(Math.max(...bytes)).toBeLessThan(100_000);
    } finally {
      await stop();
    }
  },
);

test('a plan of an unknown version, and what is no plan at all, is refused, and the worker lives on', async () => {
  const plan = planOf({ id: 'first', uses: 'echo' });
  const inputs: readonly (readonly [unknown, string])[] = [
    [{ ...plan, version: 2 }, 'expected a plan of version 1, got 2; start it with `nas start`'],
    ['text', 'expected a plan of version 1, got "text"'],
    [null, 'expected a plan of version 1, got null'],
    [{ ...plan, stages: [7] }, 'expected a plan of version 1, got one with other stages'],
  ];
  for (const [at, [input, message]] of inputs.entries()) {
    const handle = await server.client.workflow.start(PIPELINE, {
      args: [input],
      workflowId: `${plan.id}-${at}`,
      taskQueue: CONTROL_QUEUE,
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { message: expect.stringContaining(message) } });
  }
  const run = await server.start(plan);
  await run.handle.result();
});

test('a plan that is larger than the server takes is refused with its size', async () => {
  const stages = Array.from({ length: 8000 }, (_, at) => ({ id: `stage-${at}`, uses: 'echo' }));
  const place = { client: server.client, namespace: 'default', uiOf: () => null };
  await expect(startOrAttach(place, planOf(...stages))).rejects.toMatchObject({
    ending: 'BadInput',
    message: expect.stringMatching(/expected a plan that the server takes, got \d\.\d MB in 8000 stages; /),
  });
});
