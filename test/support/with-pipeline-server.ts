import { afterAll, beforeAll } from 'vitest';
import { workflowSinks } from '../../workers/workers.ts';
import { PipelineServer } from './pipeline-server.ts';
import type { Activities } from './pipeline-server.ts';

/** Opens a server before the tests of a file and closes it after them. */
export function withPipelineServer(
  activities: Activities,
  extraArgs: string[] = [],
  sinks = workflowSinks,
): PipelineServer {
  const server = new PipelineServer();
  beforeAll(async () => await server.open(activities, extraArgs, sinks));
  afterAll(async () => await server.close());
  return server;
}
