import path from 'node:path';
import type { StageAttempt } from './attempt.ts';
import { errorOfDeath, InterruptedError } from './endings.ts';
import { GRACE_MS, superviseProcess } from './process.ts';
import type { ProcessEnd } from './process.ts';
import { placeOf, StallWatch } from './progress.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { JsonMap } from '../artifacts/json.ts';
import { fileNames, logName } from '../artifacts/paths.ts';
import { Job, TrainerMessage } from '../nas/process/protocol.ts';
import { KnownError } from '../plan/endings.ts';
import type { JsonObject } from '../plan/json.ts';
import { programFile } from '../runtime/layout.ts';
import { freeAddresses } from '../runtime/collectives/cluster.ts';
import { deviceEnvironment } from '../runtime/machine.ts';

/**
 * Runs a stage's own process (`entry` is its file, relative to the project) on its `job.json`; one for each device.
 * @returns the stage's outputs
 * @throws KnownError with the ending that the process's end deserves
 */
export async function runTrainer(
  { input, stage, folder, devices, phases, report }: StageAttempt,
  entry: string,
  watch = new StallWatch(performance.now()),
): Promise<JsonObject> {
  const job = Job.parse({
    version: 1,
    kind: input.uses,
    token: stage.token,
    results: stage.root,
    directory: stage.directory,
    fingerprint: stage.manifest.fingerprint,
    threads: input.with['threads'],
    with: input.with,
  });
  const file = path.join(folder, fileNames.job);
  await atomicWrite(file, `${JSON.stringify(job, null, 1)}\n`);
  const addresses = devices.length > 1 ? await freeAddresses(devices.length) : [];
  // With what attempts on other machines have written.
  await stage.store.logs(stage.directory);
  const messages = new Map<number, TrainerMessage[]>(devices.map((_, rank) => [rank, []]));
  let lastSeen: string | null = null;
  const end = await superviseProcess(
    {
      file: programFile(entry),
      processes: devices.map((device, rank) => ({
        arguments: [file, ...(devices.length > 1 ? [String(rank), addresses.join()] : [])],
        environment: deviceEnvironment(device),
        log: path.join(folder, logName(rank)),
      })),
      results: stage.root,
      directory: stage.directory,
    },
    {
      graceMs: GRACE_MS,
      stalledMs: () => watch.stalledMs(performance.now()),
      onMessage: (data, rank) => {
        const message = TrainerMessage.parse(data);
        if (message.type !== 'progress') {
          messages.get(rank)!.push(message);
          return;
        }
        phases.enter(message.phase);
        watch.take(message, performance.now());
        lastSeen = placeOf(message);
        report(message);
      },
    },
  );
  phases.enter(null);
  const done = messages.get(0)!.find((message) => message.type === 'done');
  // What was promised as done is done, also if the word to stop came in the same moment.
  if (done !== undefined && end.code === 0) return JsonMap.parse(done.outputs);
  throw errorOf(end, messages.get(end.rank)!, lastSeen, `${stage.directory}/${logName(end.rank)}`);
}

// The first reason counts: what we did to it, then what it said of itself, then how the system saw it die.
function errorOf(
  end: ProcessEnd,
  messages: readonly TrainerMessage[],
  lastSeen: string | null,
  log: string,
): KnownError {
  const failed = messages.find((message) => message.type === 'failed');
  const isStopped = messages.some((message) => message.type === 'stopped');
  const next = isStopped ? 'a checkpoint is written' : 'the next attempt goes on at the last checkpoint';
  if (end.interruption !== null) return new InterruptedError(end.interruption, next);
  if (failed !== undefined) return new KnownError(failed.ending, failed.message);
  if (end.complaint !== null) {
    return new KnownError('Crashed', `expected messages of the protocol, got ${end.complaint.message}`);
  }
  // Somebody on its machine has sent it SIGTERM.
  if (isStopped) return new InterruptedError('operator', next);
  return errorOfDeath({ ...end, lastSeen, log });
}
