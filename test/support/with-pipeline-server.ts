import { afterAll, beforeAll } from 'vitest';
import { PipelineServer } from './pipeline-server.ts';

/** Opens a server before the tests of a file and closes it after them. */
export function withPipelineServer(...given: Parameters<PipelineServer['open']>): PipelineServer {
  const server = new PipelineServer();
  beforeAll(async () => await server.open(...given));
  afterAll(async () => await server.close());
  return server;
}
