import { BadInput, endingOf } from '../../plan/endings.ts';
import { readFile } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { z } from 'zod';
import { openStoreAside } from '../../artifacts/results.ts';
import { HeldStage } from '../../artifacts/stage.ts';
import { joinCluster } from '../../runtime/collectives/cluster.ts';
import type { Cluster } from '../../runtime/collectives/cluster.ts';
import { PhaseTrace, titleOf } from './phase-trace.ts';
import { Job, PROTOCOL_VERSION } from './protocol.ts';
import type { Message, TrainerMessage } from './protocol.ts';

// The child's side of the process line: what every stage process does around its work.

/** How often a phase may report at most; each report is one IPC message and at best one heartbeat. */
const PROGRESS_EVERY_MS = 200;

/** What a stage process holds of its parent. */
export interface ProcessLine {
  /** Sends a message; progress within 200 ms of the last one of its phase and epoch is dropped. */
  send(message: Message): void;
  /** True after SIGTERM: write a checkpoint, then return 'stopped'. */
  stopRequested(): boolean;
  /** This process's place among those that do the work together; null where it does it by itself. */
  readonly cluster: Cluster | null;
  /** Lets signals and a lost parent be noticed. TensorFlow blocks the event loop, so a loop calls this once a step. */
  turn(): Promise<void>;
}

export type Outputs = Record<string, unknown>;
/** The work of one kind of stage, which its parent has claimed: its outputs when all is committed, or 'stopped' when it was asked to stop and wrote a checkpoint. */
type StageWork = (job: Job, line: ProcessLine, stage: HeldStage) => Promise<Outputs | 'stopped'>;

/**
 * Runs one stage process to its end: `job.json` (first argument) → work → exit code. Where several processes do the work together,
 * further arguments are the rank of this one and the addresses of all, with commas between; rank 0 alone writes and tells of it.
 * Exit code 0 after 'done' and 'stopped', 1 after 'failed'. Without IPC (run by hand) messages are printed as JSON lines.
 * The work of a kind should import TensorFlow inside, since the thread count is set here, before it loads.
 */
export async function runStageProcess(work: Readonly<Record<string, StageWork>>): Promise<never> {
  let stop = false;
  const onStop = (): void => void (stop = true);
  process.on('SIGTERM', onStop);
  // A parent that is gone can neither stop nor record us: leave the device at once, write nothing.
  process.once('disconnect', () => process.exit(1));
  process.once('uncaughtException', (error) => void end(failed(error)));
  process.once('unhandledRejection', (error) => void end(failed(error)));
  try {
    const job = await readJob(process.argv[2]);
    const run = Object.hasOwn(work, job.kind) ? work[job.kind] : undefined;
    if (!run) {
      throw new BadInput(`job.kind: expected one of ${Object.keys(work).join(', ')}, got ${job.kind}`);
    }
    process.env.TF_NUM_INTRAOP_THREADS = String(job.threads);
    process.env.TF_NUM_INTEROP_THREADS = '1';
    const cluster = clusterOf(process.argv.slice(3));
    if (cluster !== null) {
      joinCluster(cluster, job.threads);
      // TensorFlow has taken the signal over: a new first handler takes it back.
      process.off('SIGTERM', onStop);
      process.on('SIGTERM', onStop);
    }
    const isFirst = cluster === null || cluster.rank === 0;
    const trace = new PhaseTrace(job.directory, cluster?.rank);
    const title = cluster === null ? job.directory : `${job.directory} rank ${cluster.rank}`;
    const line: ProcessLine = {
      send: showing(trace, title, isFirst ? throttled(post) : () => undefined),
      cluster,
      stopRequested: () => stop,
      turn: () => nextTurn(),
    };
    const store = openStoreAside(job.results);
    const stage = await HeldStage.take(store, job.directory, job.token, { isWriter: isFirst, isLate: store.isFar });
    const outputs = await run(job, line, stage)
      .then(async (made) => {
        await flushed(stage, line);
        return made;
      })
      .finally(() => trace.enter(null));
    return await end(outputs === 'stopped' ? { type: 'stopped' } : { type: 'done', outputs });
  } catch (error) {
    return end(failed(error));
  }
}

function clusterOf([rank, addresses]: readonly string[]): Cluster | null {
  return rank === undefined || addresses === undefined ? null : { rank: Number(rank), addresses: addresses.split(',') };
}

const TELL_EVERY_MS = 2000;

/** Waits until the store has all that was committed, and tells meanwhile how much is left. */
async function flushed(stage: HeldStage, line: ProcessLine): Promise<void> {
  const tell = (): void => {
    const counts = { epoch: 0, epochs: 0, step: 0, steps: 0, bytesLeft: stage.bytesLeft };
    if (stage.bytesLeft > 0) line.send({ type: 'progress', phase: 'saving', ...counts });
  };
  tell();
  const telling = setInterval(tell, TELL_EVERY_MS);
  await stage.flush().finally(() => clearInterval(telling));
}

/** Reads and checks a job file; throws BadInput naming every wrong key. */
export async function readJob(path: string | undefined): Promise<Job> {
  if (path === undefined) throw new BadInput('arguments: expected the path of a job.json, got none');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BadInput(`${path}: expected a readable job file, got ${messageOf(cause)}`, { cause });
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new BadInput(`${path}: expected JSON, got ${messageOf(cause)}`, { cause });
  }
  return parseInput(Job, json, path);
}

/** Checks a value against a schema; throws BadInput with one `where.key: what` a line. */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const parsed = schema.safeParse(value, { reportInput: true });
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => `${[where, ...issue.path].join('.')}: ${issue.message}`);
  throw new BadInput(lines.join('\n'), { cause: parsed.error });
}

function failed(error: unknown): Message {
  console.error(error);
  const ending = endingOf(error);
  const message = ending === 'OutOfMemory' ? outOfMemory(messageOf(error)) : messageOf(error);
  return { type: 'failed', ending, message };
}

function outOfMemory(message: string): string {
  const device = process.env['NAS_DEVICE'] ?? 'cpu';
  const place = device === 'cpu' ? 'memory' : `memory of ${device}`;
  return `expected enough ${place}, got: ${message}; make batch_size smaller, or set precision: bf16 (nas retry … --set KEY=VALUE)`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Sends the last message, waits until it is out, and ends the process. */
async function end(message: Message): Promise<never> {
  await post(message);
  process.exit(message.type === 'failed' ? 1 : 0);
}

function post(message: Message): Promise<void> {
  const stamped = { version: PROTOCOL_VERSION, ...message } as TrainerMessage;
  return new Promise((resolve) => {
    // A send that fails means a lost parent, which 'disconnect' handles.
    if (process.send) process.send(stamped, undefined, undefined, () => resolve());
    else process.stdout.write(`${JSON.stringify(stamped)}\n`, () => resolve());
  });
}

// Before a report is dropped or delayed: title and trace are true at any moment.
function showing(trace: PhaseTrace, title: string, send: (message: Message) => void): (message: Message) => void {
  return (message) => {
    if (message.type === 'progress') {
      trace.enter(message.phase);
      process.title = titleOf(message.phase, title);
    }
    send(message);
  };
}

function throttled(send: (message: Message) => Promise<void>): (message: Message) => void {
  let last = { of: '', at: 0 };
  return (message) => {
    if (message.type === 'progress') {
      const of = `${message.phase} ${message.epoch}`;
      const now = performance.now();
      if (of === last.of && now - last.at < PROGRESS_EVERY_MS) return;
      last = { of, at: now };
    }
    void send(message);
  };
}
