import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import type { Plan } from '../pipelines/plan.ts';
import { startRun } from '../workers/client.ts';
import type { Server } from './connection.ts';
import { differences } from './difference.ts';
import { Failure } from './failure.ts';
import { endingOf } from './run.ts';

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
