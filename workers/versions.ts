import type { Client } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';
import { release } from '../runtime/layout.ts';
import { hashOfWorkflows } from './workflow-bundle.ts';

// Versions of workers side by side: a deployment is the workers of a team, a build is one version of their code. A run stays on the
// build that it began with; new runs begin on the current one.

export interface Version {
  readonly deployment: string;
  readonly build: string;
}

/** What this code's build is called where nobody says otherwise: another one wherever a workflow might go another way. */
export async function ownBuild(): Promise<string> {
  return `${release()}-${(await hashOfWorkflows()).slice(0, 10)}`;
}

/** For each worker of a process. */
export function versionOptions(version: Version | undefined): Pick<WorkerOptions, 'workerDeploymentOptions'> {
  if (version === undefined) return {};
  const { deployment: deploymentName, build: buildId } = version;
  return {
    workerDeploymentOptions: {
      useWorkerVersioning: true,
      version: { deploymentName, buildId },
      defaultVersioningBehavior: 'PINNED',
    },
  };
}

export interface BuildStatus {
  readonly build: string;
  /** New runs begin on `current`, and on `ramping` its share; `draining` has open runs of before, `idle` none. */
  readonly state: 'current' | 'ramping' | 'draining' | 'idle';
  /** Of new runs, where it is ramping. */
  readonly percent: number | null;
  readonly openRuns: number;
}

/** Every build of a deployment that the server has heard of, the latest first; empty where it knows none. */
export async function buildsOf(client: Client, deployment: string): Promise<BuildStatus[]> {
  const { namespace } = client.options;
  const { workerDeploymentInfo: info } = await client.workflowService
    .describeWorkerDeployment({ namespace, deploymentName: deployment })
    .catch((error: unknown) => {
      if (error instanceof Error && error.message.includes('NOT_FOUND')) return { workerDeploymentInfo: null };
      throw error;
    });
  const { currentDeploymentVersion, rampingDeploymentVersion, rampingVersionPercentage } = info?.routingConfig ?? {};
  const builds = (info?.versionSummaries ?? []).toSorted(
    (a, b) => Number(b.createTime?.seconds ?? 0) - Number(a.createTime?.seconds ?? 0),
  );
  return await Promise.all(
    builds.map(async ({ deploymentVersion }) => {
      const build = deploymentVersion?.buildId ?? '';
      const openRuns = await openRunsOn(client, { deployment, build });
      const isRamping = build === rampingDeploymentVersion?.buildId;
      const before = openRuns > 0 ? 'draining' : 'idle';
      const state = build === currentDeploymentVersion?.buildId ? 'current' : isRamping ? 'ramping' : before;
      return { build, state, percent: isRamping ? (rampingVersionPercentage ?? 0) : null, openRuns };
    }),
  );
}

/** Runs that must end on that build, their sub-pipelines and messages included. */
async function openRunsOn(client: Client, { deployment, build }: Version): Promise<number> {
  const query = `TemporalWorkerDeploymentVersion = '${deployment}:${build}' AND ExecutionStatus = 'Running'`;
  return (await client.workflow.count(query)).count;
}

/** New runs begin on that build from now on. Rejects with the server's error where it knows no worker of it. */
export async function makeCurrent(client: Client, { deployment, build }: Version): Promise<void> {
  const { namespace } = client.options;
  await client.workflowService.setWorkerDeploymentCurrentVersion({
    namespace,
    deploymentName: deployment,
    buildId: build,
  });
}

/** So many of a hundred new runs begin on that build from now on; none any more where `percent` is 0. */
export async function ramp(client: Client, { deployment, build }: Version, percent: number): Promise<void> {
  const { namespace } = client.options;
  await client.workflowService.setWorkerDeploymentRampingVersion({
    namespace,
    deploymentName: deployment,
    ...(percent === 0 ? {} : { buildId: build }),
    percentage: percent,
  });
}
