import { DefaultLogger, Runtime } from '@temporalio/worker';
import { embeddedServer } from '../../workers/server.ts';
import { unlimited } from '../../activities/permissions.ts';
import { startWorkers } from '../../workers/workers.ts';

// A heavy worker as a process of its own, to be killed: npx tsx worker-process.ts <address> [<devices> <queue>]

Runtime.install({ logger: new DefaultLogger('ERROR') });
const [address = '', devices = '1', queue] = process.argv.slice(2);
const workers = await startWorkers(embeddedServer(address), {
  roles: ['heavy'],
  devices: Array.from({ length: Number(devices) }, () => 'cpu'),
  ...(queue !== undefined && { queue }),
  permissions: unlimited,
});
process.send?.('running');
await workers.stopped;
process.disconnect?.();
