import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Command } from 'commander';
import { resultsRoot } from '../artifacts/paths.ts';
import { withServer } from './server.ts';
import type { Server } from './server.ts';
import { Failure } from './failure.ts';
import { forecast } from './forecast.ts';
import { defineForPipeline, loadPlan } from './load.ts';
import type { LoadOptions } from './load.ts';
import { output } from './options.ts';
import { watchRun } from './watch.ts';
import type { Plan } from '../plan/plan.ts';
import { reuseByStage } from '../plan/reuse.ts';
import { endingOf } from '../runs/run.ts';
import { startRun } from '../workers/server.ts';

interface Options extends LoadOptions {
  readonly watch?: true;
}

export function define(command: Command): void {
  defineForPipeline(command.argument('<pipeline>', 'a pipeline file (.yml)'))
    .option('--watch', 'follow it until it ends')
    .action(start);
}

async function start(pipeline: string, { watch, json, ...options }: Options): Promise<void> {
  const plan = loadPlan(pipeline, options);
  await refuseUnfinished(plan);
  await withServer(async (server) => {
    const outcome = await startOrAttach(server, plan);
    const ui = server.uiOf(plan.id);
    if (watch === true) return await watchRun(server, plan.id, json);
    output(json, { run: plan.id, outcome, ui }, () =>
      [outcomeInWords(plan.id, outcome), ...(ui === null ? [] : [ui])].join('\n'),
    );
  });
}

/** What became of a start, and what to do next. */
export function outcomeInWords(run: string, outcome: Outcome): string {
  const words: Readonly<Record<Outcome, string>> = {
    started: `started; follow it with \`nas watch ${run}\``,
    attached: `running already, nothing new was started; follow it with \`nas watch ${run}\``,
    again: `had ended early and goes on, what it had finished is kept; follow it with \`nas watch ${run}\``,
    done: `done already; \`nas report ${run}\` shows its summary, another --id makes another run`,
  };
  return `run ${run}: ${words[outcome]}`;
}

// A run that goes on from an older one needs what that has done; said before anything starts.
async function refuseUnfinished(plan: Plan): Promise<void> {
  if (typeof plan.reuse !== 'object') return;
  const reuseOf = reuseByStage(plan);
  const taken = (await forecast(plan, resultsRoot())).filter(({ stage }) => typeof reuseOf(stage) === 'object');
  const missing = taken.filter(({ will }) => will !== 'be reused');
  if (missing.length === 0) return;
  const lines = missing.map(({ stage, why }) => `${stage}: ${why}`);
  throw new Failure(`--from-run: ${lines.join('\n  ')}; name an earlier --from-stage`, 2);
}

/** `again`: the run had failed or was cancelled, and goes on with what it had finished. `done`: nothing was started. */
export type Outcome = 'started' | 'attached' | 'again' | 'done';

/**
 * Starts a plan under its id, or attaches to the run that has this id already, and says which. Throws Failure (exit
 * code 2) with the differences if that run has another plan.
 */
export async function startOrAttach(server: Server, plan: Plan): Promise<Outcome> {
  const handle = server.client.workflow.getHandle(plan.id);
  const isKnown = await exists(handle);
  const { isNew, isSamePlan } = await startRun(server.client, plan).catch((error: unknown) => {
    throw tooLarge(error) ? refusedSize(plan, error) : error;
  });
  if (isNew) return isKnown ? 'again' : 'started';
  if (!isSamePlan) throw otherPlan(plan, await planOf(server, plan.id));
  return endingOf(await handle.describe()) === 'done' ? 'done' : 'attached';
}

async function exists(handle: WorkflowHandle): Promise<boolean> {
  try {
    await handle.describe();
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === 'WorkflowNotFoundError') return false;
    throw error;
  }
}

/** The plan of a run as the server has it: in the first event of its history. */
export async function planOf({ client, namespace }: Server, workflowId: string): Promise<Plan> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId },
    maximumPageSize: 1,
  });
  const [payload] = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  if (payload == null)
    throw new Failure(`run ${workflowId}: expected a plan as its input, got none; give another --id`, 2);
  return defaultPayloadConverter.fromPayload<Plan>(payload);
}

function otherPlan(plan: Plan, inRun: Plan): Failure {
  const remedy = `give another --id, or follow it as it is with \`nas watch ${plan.id}\``;
  const lines = [
    `run ${plan.id}: expected the plan it was started with, got another; ${remedy}`,
    ...differences(plan, inRun),
  ];
  return new Failure(lines.join('\n  '), 2);
}

// The server takes what a run begins with up to a size of its own, 2 MB by default.
function tooLarge(error: unknown): error is Error {
  return error instanceof Error && error.cause instanceof Error && /size exceeds limit/.test(error.cause.message);
}

function refusedSize(plan: Plan, cause: Error): Failure {
  const [size, stages] = [(JSON.stringify(plan).length / 1e6).toFixed(1), plan.stages.length];
  const said = `run ${plan.id}: expected a plan that the server takes, got ${size} MB in ${stages} stages`;
  return new Failure(`${said}; make of alike stages one with a matrix, or several runs`, 2, { cause });
}

const MOST = 10;

/** How two plans differ, one line a value, ten at most: `stages.one-shot.with.epochs: 3 here, 5 in the run`. Empty if they are the same. */
export function differences(here: object, inRun: object): string[] {
  const ours = leaves(here);
  const theirs = leaves(inRun);
  const changed = [...new Set([...ours.keys(), ...theirs.keys()])].filter((key) => ours.get(key) !== theirs.get(key));
  const lines = changed
    .slice(0, MOST)
    .map((key) => `${key}: ${ours.get(key) ?? 'absent'} here, ${theirs.get(key) ?? 'absent'} in the run`);
  return changed.length > MOST ? [...lines, `and ${changed.length - MOST} more`] : lines;
}

// Every scalar of a plan by its dotted path; a stage stands under its id, so that a new one does not shift the others.
function leaves(value: unknown, path: readonly string[] = [], found = new Map<string, string>()): Map<string, string> {
  if (typeof value !== 'object' || value === null) return found.set(path.join('.'), JSON.stringify(value) ?? 'absent');
  for (const [key, inner] of Object.entries(value)) {
    const name = typeof inner === 'object' && inner !== null && typeof inner.id === 'string' ? inner.id : key;
    leaves(inner, [...path, name], found);
  }
  return found;
}
