import type { Claim } from '../../artifacts/fence.ts';

/** The stage that attempts contend for in tests of fencing: both sides of the process line must name the same one. */
export const first = { workflowId: 'quick', runId: 'a1', stage: 'one-shot', round: 1, attempt: 1 };
export const claim: Claim = {
  uses: 'command',
  fingerprint: 'f'.repeat(64),
  config: {},
  environment: {},
  device: 'cpu',
  queued: '2026-01-01T00:00:00Z',
};
