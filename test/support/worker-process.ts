// A heavy worker as a process of its own, to be killed: npx tsx worker-process.ts <address>
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { startWorkers } from '../../workers/start.ts';
import { embeddedServer } from '../../workers/connection.ts';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const workers = await startWorkers(embeddedServer(process.argv[2] ?? ''), { roles: ['gpu'], devices: ['cpu'] });
process.send?.('running');
await workers.stopped;
process.disconnect?.();
