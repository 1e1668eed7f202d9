import { fork } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { Message } from '../nas/deployment/request.ts';
import type { Done, Request } from '../nas/deployment/request.ts';
import { programFile } from '../runtime/layout.ts';
import { Failure } from './failure.ts';

/**
 * Has a process of its own do what needs TensorFlow, and tells on stderr how far it is where that is a terminal.
 * @throws Failure with the process's own words
 */
export async function deploy(request: Request): Promise<Done> {
  const child = fork(programFile('nas/deployment/main.ts'), {
    execArgv: [],
    stdio: ['pipe', 'ignore', 'pipe', 'ipc'],
  });
  const said: Message[] = [];
  child.on('message', (data) => {
    const message = Message.parse(data);
    if (message.type === 'progress') tell(`calibrating: batch ${message.batches} of ${message.of}`);
    else said.push(message);
  });
  const complaints = child.stderr === null ? '' : text(child.stderr);
  // A process that dies at once closes its input; how it died is told below.
  child.stdin?.on('error', () => {});
  child.stdin?.end(JSON.stringify(request));
  const [code, signal] = await once(child, 'exit');
  if (child.connected) await once(child, 'disconnect');
  tell('');
  const last = said.at(-1);
  if (last?.type === 'done') return last;
  if (last?.type === 'failed') throw new Failure(last.message, last.isBadInput ? 2 : 1);
  throw new Failure(
    `process: expected an answer, got its end (${signal ?? `exit code ${code}`}):\n${await complaints}`,
  );
}

function tell(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${line}`);
}
