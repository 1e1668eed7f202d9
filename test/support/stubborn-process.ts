// A child that says where it is, has a child of its own in another session, and ends at SIGTERM only if it is asked to be polite.
import { spawn } from 'node:child_process';

const [manner = ''] = process.argv.slice(2);
const grandchild = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
process.on('SIGTERM', () => {
  if (manner === 'polite') process.send?.({ said: 'stopped' }, undefined, undefined, () => process.exit(0));
});
process.on('disconnect', () => process.exit(1));
process.send?.({ said: 'ready', grandchild: grandchild.pid });
setInterval(() => undefined, 1000);
