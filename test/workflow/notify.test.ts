import { ApplicationFailure } from '@temporalio/activity';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test } from 'vitest';
import { notifyEvents } from '../../plan/notify.ts';
import type { Notification, NotifyEvent, NotifyInput } from '../../plan/notify.ts';
import type { Plan } from '../../plan/plan.ts';
import { chooseEpoch, orderStage } from '../../runs/steer.ts';
import type { StageOrder } from '../../runs/steer.ts';
import { plainActivities } from '../support/plain-activities.ts';
import { asked, planOf } from '../support/pipeline-server.ts';
import type { TestRun } from '../support/pipeline-server.ts';
import { withPipelineServer } from '../support/with-pipeline-server.ts';

// What a run tells people, and when: what is sent is written down here.

const sent: NotifyInput[] = [];
let refusesFirst = false;

const server = withPipelineServer({
  ...plainActivities,
  async shouting(): Promise<void> {
    throw ApplicationFailure.nonRetryable('x'.repeat(3000), 'Crashed', 1);
  },
  async notify(input: NotifyInput): Promise<void> {
    const isRefused = refusesFirst;
    refusesFirst = false;
    if (isRefused) throw new Error('try later');
    sent.push(input);
  },
});

beforeEach(() => {
  sent.length = 0;
});

/** A plan that tells somebody of these events, or of all. */
function told(plan: Plan, on: readonly NotifyEvent[] = notifyEvents): Plan {
  return { ...plan, notify: [{ on, webhook: 'CHAT' }] };
}

async function until(count: number): Promise<Notification[]> {
  const deadline = Date.now() + 60_000;
  while (sent.length < count && Date.now() < deadline) await sleep(20);
  const all = sent.map(({ notification }) => notification);
  return all.toSorted((a, b) => notifyEvents.indexOf(a.event) - notifyEvents.indexOf(b.event));
}

const failing = { id: 'a', uses: 'brittle', with: { fails: 9 } } as const;

async function answer({ handle }: TestRun, order: StageOrder, stage: string): Promise<void> {
  await orderStage(server.client, handle.workflowId, order, { stage });
}

test('a run tells of each stage that ends and of its own end, with what shows what came out', async () => {
  const plan = told(planOf({ id: 'a', uses: 'echo' }, { id: 'b', uses: 'echo', needs: ['a'], if: 'failure()' }));
  const run = await server.start(plan);
  await run.handle.result();
  const about = { run: plan.id, pipeline: 'test' };
  expect(await until(2)).toEqual([
    { ...about, event: 'stage', stage: 'a', text: `${plan.id}: a is done`, next: [`nas status ${plan.id}`] },
    { ...about, event: 'done', stage: null, text: `${plan.id}: done`, next: [`nas report ${plan.id}`] },
  ]);
});

test('of a stage that failed people are told why and what moves it on, of the first of its cells alone', async () => {
  const matrix = [{ part: 1 }, { part: 2 }, { part: 3 }];
  const plan = told(planOf({ ...failing, matrix }), ['parked', 'failed', 'stage', 'done']);
  const run = await server.start(plan);
  await run.until(({ stages }) => stages[0]?.cells?.parked.length === 3);
  await answer(run, 'abort', 'a.1');
  await answer(run, 'skip', 'a.2');
  await answer(run, 'abort', 'a');
  await expect(run.handle.result()).rejects.toThrow();
  const [parked, ...ends] = await until(3);
  expect(parked).toEqual({
    event: 'parked',
    run: plan.id,
    pipeline: 'test',
    stage: expect.stringMatching(/^a\.[123]$/),
    text: `${plan.id}: ${parked?.stage} failed and waits: Crashed: failure 1`,
    next: ['retry', 'skip', 'abort'].map((verb) => `nas ${verb} ${plan.id} a`),
  });
  expect(ends).toMatchObject([
    { event: 'stage', stage: 'a', text: `${plan.id}: a is failed` },
    { event: 'failed', stage: null, text: `${plan.id}: failed, given up: a`, next: [`nas status ${plan.id}`] },
  ]);
});

test('of a choice that is asked for people are told where the epochs are and how to choose', async () => {
  const plan = told(planOf({ id: 'a', uses: 'epochs', select: asked, outputs: ['selected'] }), ['selecting']);
  const run = await server.start(plan);
  const [selecting] = await until(1);
  expect(selecting).toEqual({
    event: 'selecting',
    run: plan.id,
    pipeline: 'test',
    stage: 'a',
    text: `${plan.id}: a waits for the choice of its epoch`,
    next: [`nas status ${plan.id}`, `nas select ${plan.id} a EPOCH`],
  });
  await chooseEpoch(server.client, plan.id, { stage: 'a', epoch: 1 });
  await run.handle.result();
  expect(sent).toHaveLength(1);
});

test('each channel is told what it asked for, by workflows that say what they tell', async () => {
  const plan: Plan = {
    ...planOf({ id: 'a', uses: 'echo' }),
    notify: [
      { on: ['stage', 'done'], webhook: 'CHAT' },
      { on: ['done'], mail: ['ada@example.org'] },
      { on: ['failed'], command: ['false'] },
    ],
  };
  const { handle } = await server.start(plan);
  await handle.result();
  await until(3);
  const kinds = sent.map(({ channel, notification }) => `${notification.event} ${'webhook' in channel}`);
  expect(kinds.toSorted()).toEqual(['done false', 'done true', 'stage true']);
  const { runId } = await handle.describe();
  const start = runId.slice(0, 8);
  const ids = [`${plan.id}.notify.stage.${start}.1`, `${plan.id}.notify.done.${start}.2`];
  const found = await Promise.all(ids.map((id) => server.client.workflow.getHandle(id).describe()));
  expect(await Promise.all(found.map((one) => one.staticSummary()))).toEqual([
    `${plan.id}, a: stage`,
    `${plan.id}: done`,
  ]);
});

test('a run does not wait for whoever is told, and what was refused is sent again', async () => {
  refusesFirst = true;
  const plan = told(planOf({ id: 'a', uses: 'echo' }), ['done']);
  const run = await server.start(plan);
  await run.handle.result();
  expect(sent).toEqual([]);
  expect(await until(1)).toMatchObject([{ event: 'done' }]);
});

test('a sub-pipeline tells of its stages, and leaves its end to the stage that it is', async () => {
  const inner = told(planOf({ id: 'inner', uses: 'echo' }));
  const plan = told(planOf({ id: 'sub', uses: 'pipeline', plan: inner }));
  const { handle } = await server.start(plan);
  await handle.result();
  const all = await until(3);
  expect(all.map(({ event, run, stage }) => [event, run, stage])).toEqual(
    expect.arrayContaining([
      ['stage', `${plan.id}.sub`, 'inner'],
      ['stage', plan.id, 'sub'],
      ['done', plan.id, null],
    ]),
  );
  expect(all).toHaveLength(3);
});

test('a long error is cut for people', async () => {
  const plan = told(planOf({ id: 'a', uses: 'shouting' }), ['parked']);
  const run = await server.start(plan);
  const [parked] = await until(1);
  expect(parked?.text).toHaveLength(1500);
  await answer(run, 'skip', 'a');
  await run.handle.result();
});

// The server drops what was said in a step that fails, and a step that ends a run fails where something has just happened to it.
test('an answer that ends a run while it still begins to tell people is taken, once', async () => {
  const ends = Array.from({ length: 8 }, async () => {
    const plan = told(planOf({ id: 'a', uses: 'shouting' }), ['parked']);
    const run = await server.start(plan);
    while (!sent.some(({ notification }) => notification.run === plan.id)) await sleep(5);
    expect(await orderStage(server.client, plan.id, 'skip', { stage: 'a' })).toEqual(['a']);
    expect(await run.handle.result()).toEqual({ outputs: { a: null } });
  });
  await Promise.all(ends);
});
