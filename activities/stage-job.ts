import path from 'node:path';
import { errorOf } from './endings.ts';
import type { HowEnded } from './endings.ts';
import type { StageAttempt } from './stage-activity.ts';
import { StallWatch, superviseProcess } from './stage-process.ts';
import type { ProcessEnd } from './stage-process.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { JsonMap } from '../artifacts/json.ts';
import { fileNames } from '../artifacts/paths.ts';
import { Job, TrainerMessage } from '../nas/process/protocol.ts';
import { deviceEnvironment } from '../runtime/machine.ts';
import type { JsonObject } from '../plan/json.ts';

const GRACE_MS = 60_000;

/** Runs a stage's process (`entry` is its file, relative to the project) on its `job.json`; its outputs, or an error of the type its end deserves. */
export async function runJob(
  attempt: StageAttempt,
  entry: string,
  watch = new StallWatch(performance.now()),
): Promise<JsonObject> {
  const { input, stage, folder, device } = attempt;
  const { threads } = input.with;
  const job = Job.parse({
    version: 1,
    kind: input.uses,
    token: stage.token,
    results: stage.store.root,
    directory: stage.directory,
    fingerprint: stage.manifest.fingerprint,
    threads,
    with: input.with,
  });
  const file = path.join(folder, fileNames.job);
  await atomicWrite(file, `${JSON.stringify(job, null, 1)}\n`);
  const said: TrainerMessage[] = [];
  const log = path.join(folder, fileNames.trainerLog);
  const end = await superviseProcess(
    {
      file: path.resolve(import.meta.dirname, '..', entry),
      arguments: [file],
      environment: deviceEnvironment(device),
      log,
    },
    {
      graceMs: GRACE_MS,
      stalledMs: () => watch.stalledMs(performance.now()),
      heard: (data) => {
        const message = TrainerMessage.parse(data);
        if (message.type === 'progress') {
          attempt.phases.enter(message.phase);
          watch.heard(message, performance.now());
          return message;
        }
        said.push(message);
        return undefined;
      },
    },
  );
  const done = said.find((message) => message.type === 'done');
  attempt.phases.enter(null);
  // What was promised as done is done, also if the word to stop came in the same moment.
  if (done !== undefined && end.code === 0) return JsonMap.parse(done.outputs);
  throw errorOf(howEnded(said, end, `${stage.directory}/${fileNames.trainerLog}`), attempt.attempt);
}

// The first reason counts: what we did to it, then what it said of itself, then how the system saw it die.
function howEnded(said: readonly TrainerMessage[], end: ProcessEnd, log: string): HowEnded {
  const failed = said.find((message) => message.type === 'failed');
  const stopped = said.some((message) => message.type === 'stopped');
  const detail = stopped ? 'a checkpoint is written' : 'the next attempt goes on at the last checkpoint';
  if (end.interruption !== null) return { how: 'interrupted', by: end.interruption, detail };
  if (failed !== undefined) return { how: 'failed', ending: failed.ending, message: failed.message };
  if (end.complaint !== null) {
    return {
      how: 'failed',
      ending: 'Crashed',
      message: `expected messages of the protocol, got ${end.complaint.message}`,
    };
  }
  if (stopped) return { how: 'interrupted', by: 'operator', detail };
  return { how: 'died', code: end.code, signal: end.signal, log };
}
