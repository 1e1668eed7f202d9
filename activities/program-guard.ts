import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { PhaseTrace, titleOf } from '../nas/process/phase-trace.ts';
import { endProcesses, whyNotStarted } from '../runtime/processes.ts';

// Stands between the worker and a program that knows nothing of it: ends the program when the worker is gone, with all
// that it has started. It leads the process group, so signals to the group reach the program by themselves.

const order = process.argv[2] ?? '';
const { run } = z.object({ run: z.array(z.string()).min(1) }).parse(JSON.parse(readFileSync(order, 'utf8')));
const [program = '', ...rest] = run;
const directory = process.env['NAS_STAGE'] ?? '';
const trace = new PhaseTrace(directory);
trace.enter('running');
process.title = titleOf('running', directory);

process.on('disconnect', () => {
  const mark = process.env['NAS_ATTEMPT'];
  if (mark !== undefined) endProcesses((environment) => environment.get('NAS_ATTEMPT') === mark);
  process.kill(-process.pid, 'SIGKILL');
});
// Outlives the program it guards, to tell how that ended.
process.on('SIGTERM', () => undefined);

const child = spawn(program, rest, { cwd: path.dirname(order), stdio: ['ignore', 'inherit', 'inherit'] });
child.on('error', (error) => {
  console.error(
    `${program}: expected a program that can be started, got ${whyNotStarted(error)}; install it here, or correct the stage's run`,
  );
  process.exit(127);
});
await once(child, 'exit');
trace.enter(null);
if (child.signalCode === 'SIGKILL') process.kill(process.pid, 'SIGKILL');
process.exit(child.exitCode ?? 1);
