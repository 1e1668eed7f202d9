import { WorkflowNotFoundError } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { statusQuery } from '../../plan/messages.ts';
import type { RunStatus, StageStatus } from '../../plan/messages.ts';
import { CONTROL_QUEUE } from '../../plan/names.ts';
import type { Plan, PlanStage, Select } from '../../plan/plan.ts';
import { temporalCli } from '../../runtime/layout.ts';
import { ONE_PARTITION } from '../../runtime/temporal-server.ts';
import { startRun } from '../../workers/server.ts';
import { workflowSinks } from '../../workers/workers.ts';
import { workflowCode } from '../../workers/workflow-bundle.ts';

export type Activities = NonNullable<WorkerOptions['activities']>;

let isQuiet = false;
/** Temporal's runtime, of which a process has one for all its files, says errors alone. */
function quietRuntime(): void {
  if (!isQuiet) Runtime.install({ logger: new DefaultLogger('ERROR') });
  isQuiet = true;
}

/** A real development server and a worker of the pipeline workflow, for all tests of a file. */
export class PipelineServer {
  environment!: TestWorkflowEnvironment;
  #stop: () => Promise<void> = async () => undefined;

  get client(): TestWorkflowEnvironment['client'] {
    return this.environment.client;
  }

  async open(activities: Activities, extraArgs: string[] = [], sinks = workflowSinks): Promise<void> {
    quietRuntime();
    const executable = { type: 'existing-path', path: temporalCli() } as const;
    this.environment = await TestWorkflowEnvironment.createLocal({
      server: { executable, extraArgs: [...ONE_PARTITION, ...extraArgs] },
    });
    this.#stop = await this.work({
      taskQueue: CONTROL_QUEUE,
      ...(await workflowCode()),
      sinks,
      activities,
      shutdownGraceTime: 500,
      // A wish to end reaches an activity with its next heartbeat, which would be held back for seconds.
      maxHeartbeatThrottleInterval: 100,
    });
  }

  /** Runs a further worker; the function ends it. */
  async work(options: Omit<WorkerOptions, 'connection'>): Promise<() => Promise<void>> {
    const worker = await Worker.create({ ...options, connection: this.environment.nativeConnection });
    const ended = worker.run();
    return async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await ended;
    };
  }

  async close(): Promise<void> {
    await this.#stop();
    await this.environment.teardown();
  }

  async start(plan: Plan): Promise<TestRun> {
    const { handle } = await startRun(this.client, plan);
    return new TestRun(handle);
  }
}

type Handle = Awaited<ReturnType<typeof startRun>>['handle'];

/** A run under the test's hand. */
export class TestRun {
  readonly handle: Handle;

  constructor(handle: Handle) {
    this.handle = handle;
  }

  async status(): Promise<RunStatus> {
    return await this.handle.query(statusQuery);
  }

  async stage(id: string): Promise<StageStatus> {
    const found = (await this.status()).stages.find((stage) => stage.id === id);
    if (found === undefined) throw new Error(`no stage ${id}`);
    return found;
  }

  async states(): Promise<Record<string, string>> {
    const { stages } = await this.status();
    return Object.fromEntries(stages.map(({ id, state }) => [id, state]));
  }

  /** The status once it fits; fails when that takes too long. */
  async until(fits: (status: RunStatus) => boolean, patienceMs = 60_000): Promise<RunStatus> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      // A sub-pipeline's run is there a moment after its parent's.
      const status = await this.status().catch((error: unknown) => {
        if (error instanceof WorkflowNotFoundError) return null;
        throw error;
      });
      if (status !== null && fits(status)) return status;
      if (Date.now() > deadline) throw new Error(`the run never came to it: ${JSON.stringify(status, null, 1)}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  async untilStage(id: string, state: StageStatus['state'], patienceMs?: number): Promise<StageStatus> {
    await this.until(({ stages }) => stages.some((stage) => stage.id === id && stage.state === state), patienceMs);
    return await this.stage(id);
  }
}

/** What a refused update is rejected with. */
export function refused(message: string) {
  return { cause: { message } };
}

/** A `select` that waits for a person. */
export const asked: Select = { by: 'kendall_tau', rule: 'latest-of-the-best', wait: 'signal', timeoutMs: null };

let runs = 0;

function directoryOf({ id, matrix }: Pick<PlanStage, 'id'> & Partial<PlanStage>): string {
  return matrix == null ? id : `${id}/\${{ matrix.part }}`;
}

/** A plan of stages that say only what differs from the plainest one. */
export function planOf(...stages: (Pick<PlanStage, 'id' | 'uses'> & Partial<PlanStage>)[]): Plan {
  const plain = {
    needs: [],
    with: {},
    matrix: null,
    if: null,
    select: null,
    retry: { maximumAttempts: 1, initialIntervalMs: 100, backoffCoefficient: 1 },
    timeout: { startToCloseMs: 90_000, heartbeatMs: 15_000 },
    queue: CONTROL_QUEUE,
    work: 'light',
    outputs: ['value'],
    cost: null,
    plan: null,
  } as const;
  return {
    version: 1,
    name: 'test',
    id: `run-${process.pid}-${++runs}`,
    source: 'pipelines/test.yml',
    params: {},
    stages: stages.map((stage) => ({ ...plain, directory: directoryOf(stage), ...stage })),
  };
}
