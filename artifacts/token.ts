import { z } from 'zod';

const milliseconds = z.int().min(0);

/**
 * The fencing token of one attempt: of two attempts that meet at a stage, the later one may write. `round` counts how
 * often the workflow scheduled the stage (a parked stage that is retried starts a new round), `attempt` counts
 * Temporal's tries within the round: both from 1. Times are the server's, in milliseconds since 1970; all are absent
 * from tokens of release 0.1.0, and `runStarted` from activities that it scheduled.
 */
export const Token = z.strictObject({
  workflowId: z.string().min(1),
  runId: z.string().min(1),
  stage: z.string().min(1),
  round: z.int().min(1),
  attempt: z.int().min(1),
  /** When the workflow run began. */
  runStarted: milliseconds.optional(),
  /** When the workflow ordered the activity that this is an attempt of. */
  ordered: milliseconds.optional(),
  /** For when this attempt was scheduled, though a server that was killed may have it begin earlier: after an operator's reset `attempt` is 1 again, but this goes on. */
  scheduled: milliseconds.optional(),
});
export type Token = z.infer<typeof Token>;

/**
 * The order of all attempts at a stage: by the start of the run, then round, then the workflow's order, then time of scheduling,
 * then attempt.
 * Negative where `a` is the earlier one, 0 for the same attempt.
 */
export function compareTokens(a: Token, b: Token): number {
  if (a.runId !== b.runId) {
    // The runs of one id follow each other, so whatever was scheduled by the earlier one is before the later one's start.
    const [startA, startB] = [a, b].map((token) => token.runStarted ?? token.scheduled ?? 0);
    if (startA !== startB) return startA! - startB!;
    return a.runId < b.runId ? -1 : 1;
  }
  // NaN, which decides nothing, where one has none.
  const order = (a.ordered ?? NaN) - (b.ordered ?? NaN);
  return a.round - b.round || order || (a.scheduled ?? 0) - (b.scheduled ?? 0) || a.attempt - b.attempt;
}

export function sameToken(a: Token, b: Token): boolean {
  return a.workflowId === b.workflowId && a.stage === b.stage && compareTokens(a, b) === 0;
}

/** `run quick (a1b2c3d4), stage one-shot, round 1, attempt 2`, as errors and logs say it. */
export function describeToken(token: Token): string {
  return `run ${token.workflowId} (${token.runId.slice(0, 8)}), stage ${token.stage}, round ${token.round}, attempt ${token.attempt}`;
}
