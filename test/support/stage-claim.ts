import type { Claim } from '../../artifacts/claim.ts';
import type { Token } from '../../artifacts/token.ts';

/** The stage that attempts contend for in tests of the store. */
export const directory = 'quick/one-shot';

/** An attempt of it: the first of run `a1`, but for what is given. */
export function tokenOf(changes: Partial<Token> = {}): Token {
  return { workflowId: 'quick', runId: 'a1', stage: 'one-shot', round: 1, attempt: 1, ...changes };
}

export const claim: Claim = {
  uses: 'command',
  fingerprint: 'f'.repeat(64),
  config: {},
  device: 'cpu',
  queued: '2026-01-01T00:00:00Z',
};
