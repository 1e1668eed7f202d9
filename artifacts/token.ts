import { z } from 'zod';

/**
 * The fencing token of one attempt. `round` counts how often the workflow scheduled the stage (a parked stage that is
 * retried starts a new round), `attempt` counts Temporal's retries within the round: both from 1.
 */
export const Token = z.strictObject({
  workflowId: z.string().min(1),
  runId: z.string().min(1),
  stage: z.string().min(1),
  round: z.int().min(1),
  attempt: z.int().min(1),
});
export type Token = z.infer<typeof Token>;

export function sameToken(a: Token, b: Token): boolean {
  return (
    a.workflowId === b.workflowId &&
    a.runId === b.runId &&
    a.stage === b.stage &&
    a.round === b.round &&
    a.attempt === b.attempt
  );
}

/** Whether `a` is an earlier attempt than `b` of the very same stage of the same run. */
export function isOlder(a: Token, b: Token): boolean {
  if (a.workflowId !== b.workflowId || a.runId !== b.runId || a.stage !== b.stage) return false;
  return a.round < b.round || (a.round === b.round && a.attempt < b.attempt);
}

/** `run quick, stage one-shot, round 1, attempt 2`, as errors and logs say it. */
export function describeToken(token: Token): string {
  return `run ${token.workflowId} (${token.runId.slice(0, 8)}), stage ${token.stage}, round ${token.round}, attempt ${token.attempt}`;
}
