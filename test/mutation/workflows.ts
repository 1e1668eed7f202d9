import { Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';

// The change under test holds in workflows, too: they run where neither variables nor other code are seen, so their code is told.

const SEEN = 'g.__stryker__ || (g.__stryker__ = {})';

const create = Worker.create.bind(Worker);

Worker.create = async (options: WorkerOptions): Promise<Worker> => {
  const { __stryker__: stryker }: { __stryker__?: { activeMutant?: string } } = globalThis as object;
  const { workflowBundle: bundle } = options;
  if (stryker?.activeMutant === undefined || bundle === undefined || !('code' in bundle)) return await create(options);
  if (!bundle.code.includes(SEEN)) throw new Error(`workflows: expected Stryker's ${SEEN} in their code, got none`);
  const told = `g.__stryker__ || (g.__stryker__ = { activeMutant: '${stryker.activeMutant}' })`;
  return await create({ ...options, workflowBundle: { ...bundle, code: bundle.code.replaceAll(SEEN, told) } });
};
