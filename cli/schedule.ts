import pc from 'picocolors';
import { Option } from 'commander';
import type { Command } from 'commander';
import type { Client, ScheduleHandle, ScheduleSpec, ScheduleSummary } from '@temporalio/client';
import { checkRunId } from '../artifacts/paths.ts';
import { Failure } from './failure.ts';
import { defineForPipeline, loadPlan } from './load.ts';
import type { LoadOptions } from './load.ts';
import { jsonOption, output } from './options.ts';
import { withServer } from './server.ts';
import { columns } from './view/format.ts';
import { CONTROL_QUEUE, PIPELINE } from '../plan/names.ts';
import type { Plan } from '../plan/plan.ts';
import { startAttributes } from '../workers/search.ts';

// Schedules are Temporal's: the server starts the runs, whether anybody is logged in or not.

/** What happens when a run is due while the one before it is at work. */
const OVERLAP = {
  skip: 'SKIP',
  wait: 'BUFFER_ONE',
  'wait-all': 'BUFFER_ALL',
  cancel: 'CANCEL_OTHER',
  'side-by-side': 'ALLOW_ALL',
} as const;
type Overlap = keyof typeof OVERLAP;

interface CreateOptions extends LoadOptions {
  readonly cron?: string;
  readonly every?: number;
  readonly timezone?: string;
  readonly overlap: Overlap;
}

export function define(command: Command): void {
  defineForPipeline(command.command('create').description('start a pipeline again and again'), 'schedule')
    .argument('<pipeline>', 'a pipeline file (.yml)')
    .option('--cron <times>', 'when, as cron writes it: "0 3 * * 1" is Mondays at 3')
    .option('--every <time>', 'how often, such as 12h or 7d, counted from the start of 1970', spanOf)
    .option('--timezone <name>', 'the zone that --cron means; UTC where absent', zoneOf)
    .addOption(
      new Option('--overlap <rule>', 'what to do while the run before is still at work')
        .choices(Object.keys(OVERLAP))
        .default('skip'),
    )
    .action(create);
  command.command('list').description('list the schedules').addOption(jsonOption()).action(list);
  for (const [verb, { description, done }] of Object.entries(CHANGES)) {
    command
      .command(verb)
      .description(description)
      .argument('<schedule>', 'its id')
      .addOption(jsonOption())
      .action(async (id: string, { json }: { json?: true }) => await change(verb, id, done, json));
  }
}

const CHANGES = {
  pause: { description: 'start no further runs', done: 'paused' },
  resume: { description: 'go on after a pause', done: 'goes on' },
  run: { description: 'start a run now', done: 'a run is started' },
  delete: { description: 'remove the schedule; its runs stay', done: 'removed' },
} as const;

const UNITS = new Map([
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

function spanOf(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const span = Number(number) * (UNITS.get(unit) ?? 0);
  if (span > 0) return span;
  throw new Failure(`--every: expected a time such as 30m, 12h or 7d, got ${JSON.stringify(text)}; correct it`, 2);
}

function zoneOf(name: string): string {
  try {
    new Date().toLocaleString('en', { timeZone: name });
    return name;
  } catch {
    throw new Failure(
      `--timezone: expected a time zone such as Europe/Paris, got ${JSON.stringify(name)}; correct it`,
      2,
    );
  }
}

/** The server adds the time to the id of each run, so that is what the run's results are called as well. */
async function create(pipeline: string, options: CreateOptions): Promise<void> {
  const { cron, every, timezone, overlap, json, ...load } = options;
  if ((cron === undefined) === (every === undefined)) {
    throw new Failure('nas schedule create: expected either --cron or --every, got both or none; give one', 2);
  }
  if (timezone !== undefined && cron === undefined) {
    throw new Failure('--timezone: expected it with --cron, got --every, which counts from no time of day; drop it', 2);
  }
  const plan = loadPlan(pipeline, load);
  // With the time at its end it must still be an id.
  checkRunId(`${plan.id}-2026-01-01T00:00:00Z`);
  const when =
    cron === undefined
      ? { intervals: [{ every: every ?? 0 }] }
      : { cronExpressions: [cron], timezone: timezone ?? 'UTC' };
  await withServer(async ({ client }) => {
    const schedule = await createSchedule(client, plan, when, overlap).catch((error: unknown) => {
      throw refusal(plan.id, error, cron);
    });
    const next = await nextTimes(schedule);
    output(json, { schedule: plan.id, overlap, next }, () =>
      [`schedule ${plan.id}: made; first runs`, ...next.slice(0, 3).map((time) => `  ${time}`)].join('\n'),
    );
  });
}

/** A schedule under the id of the plan. */
export async function createSchedule(
  client: Client,
  plan: Plan,
  when: ScheduleSpec,
  overlap: Overlap,
): Promise<ScheduleHandle> {
  return await client.schedule.create({
    scheduleId: plan.id,
    spec: when,
    action: {
      type: 'startWorkflow',
      workflowType: PIPELINE,
      workflowId: plan.id,
      taskQueue: CONTROL_QUEUE,
      args: [plan],
      staticSummary: `${plan.name}, scheduled`,
      ...(await startAttributes(client, plan.name)),
    },
    policies: { overlap: OVERLAP[overlap], catchupWindow: '1 day' },
  });
}

async function nextTimes(handle: ScheduleHandle): Promise<string[]> {
  const { info } = await handle.describe();
  return info.nextActionTimes.map((time) => time.toISOString());
}

/** What a person is told of what the server refused. */
export function refusal(id: string, error: unknown, cron?: string): unknown {
  if (!(error instanceof Error)) return error;
  if (error.name === 'ScheduleAlreadyRunning') {
    return new Failure(
      `schedule ${id}: expected an id that is free, got one in use; give another --id, or remove it with \`nas schedule delete ${id}\``,
      2,
    );
  }
  if (error.name === 'ScheduleNotFoundError') {
    return new Failure(`schedule ${id}: expected a schedule of this id, got none; \`nas schedule list\` shows them`, 2);
  }
  // So the client tells an argument that the server refuses.
  if (cron === undefined || !(error instanceof TypeError)) return error;
  return new Failure(
    `--cron: expected minute, hour, day, month and weekday such as "0 3 * * 1", got ${JSON.stringify(cron)} (${error.message}); correct it`,
    2,
  );
}

async function list({ json }: { json?: true }): Promise<void> {
  await withServer(async ({ client }) => {
    const found: ScheduleSummary[] = [];
    for await (const schedule of client.schedule.list()) found.push(schedule);
    const document = found.map(({ scheduleId, state, info }) => ({
      schedule: scheduleId,
      paused: state.paused,
      next: info.nextActionTimes.map((time) => time.toISOString()).at(0) ?? null,
      runs: info.recentActions.map(({ action }) => action.workflow.workflowId),
    }));
    output(json, document, () => {
      if (document.length === 0) return 'no schedules; `nas schedule create PIPELINE --every 1d` makes one';
      const head = ['schedule', 'state', 'next run', 'last run'].map((title) => pc.dim(title));
      const rows = document.map(({ schedule, paused, next, runs }) => [
        schedule,
        paused ? 'paused' : 'active',
        paused ? '' : (next ?? ''),
        runs.at(-1) ?? '',
      ]);
      return columns([head, ...rows]).join('\n');
    });
  });
}

async function change(verb: string, id: string, done: string, json: true | undefined): Promise<void> {
  await withServer(async ({ client }) => {
    const handle = client.schedule.getHandle(id);
    const send: Readonly<Record<string, () => Promise<void>>> = {
      pause: () => handle.pause('nas schedule pause'),
      resume: () => handle.unpause('nas schedule resume'),
      run: () => handle.trigger(),
      delete: () => handle.delete(),
    };
    try {
      await send[verb]?.();
    } catch (error) {
      throw refusal(id, error);
    }
    output(json, { schedule: id, effect: done }, () => `schedule ${id}: ${done}`);
  });
}
