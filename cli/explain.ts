import { Failure } from './failure.ts';

export interface Explanation {
  readonly message: string;
  readonly exitCode: 1 | 2;
  /** Everything that is wrong with a pipeline file, each with its place. */
  readonly problems?: unknown;
}

/** What to tell a user of anything that can be thrown. Errors are told by name, so that what throws them need not be loaded. */
export function explain(error: unknown): Explanation {
  if (error instanceof Failure) return { message: error.message, exitCode: error.exitCode };
  if (!(error instanceof Error)) return { message: String(error), exitCode: 1 };
  switch (error.name) {
    case 'PipelineError':
      return { message: error.message, exitCode: 2, ...('problems' in error ? { problems: error.problems } : {}) };
    case 'PathError':
      return { message: error.message, exitCode: 2 };
    case 'WorkflowNotFoundError':
      return {
        message: `${runOf(error)}: there is no such run that is still open on this server; start it with \`nas start\``,
        exitCode: 2,
      };
    case 'WorkflowUpdateFailedError':
      // The workflow refused the request and said why.
      return { message: error.cause instanceof Error ? error.cause.message : error.message, exitCode: 2 };
    case 'WorkflowUpdateRPCTimeoutOrCancelledError':
      return { message: 'no worker answered: start one with `nas up` or `nas worker`', exitCode: 1 };
    case 'ServiceError':
      return { message: `the Temporal server could not be reached: ${rootOf(error).message}`, exitCode: 1 };
    default:
      return { message: `${error.message} (NAS_DEBUG=1 shows where)`, exitCode: 1 };
  }
}

function runOf(error: Error): string {
  return 'workflowId' in error && typeof error.workflowId === 'string' ? `run ${error.workflowId}` : 'run';
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
