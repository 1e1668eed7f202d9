import { json } from 'node:stream/consumers';
import { endingOf } from '../../plan/endings.ts';
import { parseInput } from '../process/harness.ts';
import { Request } from './request.ts';
import type { Message } from './request.ts';

// One request on standard input, its answer by IPC. Without a parent there is nobody to answer: it ends at once.
process.once('disconnect', () => process.exit(1));
await end(await answer());

async function answer(): Promise<Message> {
  try {
    const request = parseInput(Request, await json(process.stdin), 'request');
    process.env['TF_NUM_INTRAOP_THREADS'] = String(request.network.threads);
    process.env['TF_NUM_INTEROP_THREADS'] = '1';
    // TensorFlow is imported inside: it reads its thread count when it loads.
    const { deploy } = await import('./deploy.ts');
    return await deploy(request, (message) => void process.send?.(message));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { type: 'failed', isBadInput: endingOf(error) === 'BadInput', message };
  }
}

async function end(message: Message): Promise<never> {
  await new Promise<void>((resolve) => {
    if (process.send) process.send(message, undefined, undefined, () => resolve());
    else process.stdout.write(`${JSON.stringify(message)}\n`, () => resolve());
  });
  process.exit(message.type === 'failed' ? 1 : 0);
}
