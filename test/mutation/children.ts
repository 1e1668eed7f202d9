import { beforeEach } from 'vitest';

// The change under test holds in the processes that a test starts, too: Stryker's code looks for its number there.
beforeEach(() => {
  const { __stryker__: stryker }: { __stryker__?: { activeMutant?: string } } = globalThis as object;
  if (stryker?.activeMutant !== undefined) process.env['__STRYKER_ACTIVE_MUTANT__'] = stryker.activeMutant;
});
