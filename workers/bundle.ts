import { bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import path from 'node:path';

let made: Promise<WorkflowBundleWithSourceMap> | undefined;

/** The workflow code as the workers run it, made once a process. */
export async function workflowBundle(): Promise<WorkflowBundleWithSourceMap> {
  made ??= bundleWorkflowCode({
    workflowsPath: path.resolve(import.meta.dirname, '../workflows/index.ts'),
    logger: { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: console.warn, error: console.error },
  });
  return await made;
}

function ignore(): void {
  // The bundler has nothing to say to users when it works.
}
