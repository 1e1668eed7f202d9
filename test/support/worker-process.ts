import { DefaultLogger, Runtime } from '@temporalio/worker';
import { embeddedServer } from '../../workers/server.ts';
import { unlimited } from '../../activities/permissions.ts';
import { startWorkers } from '../../workers/workers.ts';

// A heavy worker as a process of its own, to be killed: npx tsx worker-process.ts <address>

Runtime.install({ logger: new DefaultLogger('ERROR') });
const workers = await startWorkers(embeddedServer(process.argv[2] ?? ''), {
  roles: ['heavy'],
  devices: ['cpu'],
  permissions: unlimited,
});
process.send?.('running');
await workers.stopped;
process.disconnect?.();
