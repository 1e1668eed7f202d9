import { isRefusal, KnownError } from '../plan/endings.ts';

/**
 * What a verb could not do. `exitCode` is 1 when something failed and 2 when what was given is bad.
 */
export class Failure extends KnownError {
  constructor(message: string, exitCode: 1 | 2 = 1, options?: ErrorOptions) {
    super(exitCode === 2 ? 'BadInput' : 'Crashed', message, options);
  }
}

/** The user has asked this process to end before it had anything to show. */
class Interrupted extends KnownError {
  constructor() {
    super('Interrupted', 'stopped as asked, before everything was up');
  }
}

/** What asks a process to end: Ctrl-C, an init system, a terminal that closes. */
const ENDING_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A signal that is raised once this process is asked to end; asked a second time, it ends at once. */
export function interruption(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    for (const signal of ENDING_SIGNALS) process.off(signal, interrupt);
    controller.abort(new Interrupted());
  };
  for (const signal of ENDING_SIGNALS) process.on(signal, interrupt);
  return controller.signal;
}

interface Explanation {
  readonly message: string;
  readonly exitCode: 1 | 2;
  /** Everything that is wrong with a pipeline file, each with its place. */
  readonly problems?: unknown;
}

/** What to tell a user of anything that can be thrown. Errors are told by name, so that what throws them need not be loaded. */
export function inWords(error: unknown): Explanation {
  if (error instanceof KnownError) {
    const problems = 'problems' in error ? { problems: error.problems } : {};
    return { message: error.message, exitCode: error.ending === 'BadInput' ? 2 : 1, ...problems };
  }
  if (!(error instanceof Error)) return { message: String(error), exitCode: 1 };
  switch (error.name) {
    case 'WorkflowNotFoundError':
      return {
        message: `${runOf(error)}: expected an open run of this id on the server, got none; start it with \`nas start\``,
        exitCode: 2,
      };
    case 'WorkflowUpdateFailedError':
      // The workflow refused the request and said why.
      return { message: error.cause instanceof Error ? error.cause.message : error.message, exitCode: 2 };
    case 'WorkflowUpdateRPCTimeoutOrCancelledError':
    case 'ServiceError':
      return { message: silence(error), exitCode: 1 };
    default:
      return { message: `${error.message} (NAS_DEBUG=1 shows where)`, exitCode: 1 };
  }
}

/** Who did not answer, or not as asked: a worker, or the server itself. */
export function silence(error: Error): string {
  const said = rootOf(error).message;
  if (isRefusal(said)) {
    return `server: expected to be allowed this, got a refusal (${said}); check TEMPORAL_NAMESPACE, and what TEMPORAL_API_KEY or the certificate allows`;
  }
  // The server may end a call at its deadline before the client notices that.
  if (error.name !== 'ServiceError' || /no poller|query timed out|DEADLINE_EXCEEDED|CANCELLED/.test(said)) {
    return 'worker: expected one to answer for the run, got none; start it with `nas up` or `nas worker`';
  }
  return `server: expected an answer, got none (${said}); check that it runs`;
}

function runOf(error: Error): string {
  return 'workflowId' in error && typeof error.workflowId === 'string' ? `run ${error.workflowId}` : 'run';
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}
