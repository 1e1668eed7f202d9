import path from 'node:path';
import { statSync } from 'node:fs';
import { errorOf, failure } from './endings.ts';
import type { StageAttempt } from './stage-activity.ts';
import { superviseProcess } from './stage-process.ts';
import { atomicWrite, sha256File } from '../artifacts/files.ts';
import { fileNames, placeOf, referenceTo } from '../artifacts/paths.ts';
import type { Program } from '../pipelines/kinds/kind.ts';
import { deviceEnvironment } from '../runtime/machine.ts';
import type { JsonObject } from '../plan/json.ts';

const GRACE_MS = 60_000;

/** Runs any program in the stage's folder: exit code 0 and every promised file there, or the stage failed. */
export async function runCommand(attempt: StageAttempt, program: Program): Promise<JsonObject> {
  const { input, root, folder, device } = attempt;
  const order = path.join(folder, fileNames.job);
  await atomicWrite(order, `${JSON.stringify({ run: program.run }, null, 1)}\n`);
  const log = path.join(folder, fileNames.trainerLog);
  const end = await superviseProcess(
    {
      file: path.join(import.meta.dirname, 'command-guard.ts'),
      arguments: [order],
      environment: { ...deviceEnvironment(device), NAS_RESULTS: root, NAS_STAGE: input.directory, ...program.env },
      log,
    },
    { graceMs: GRACE_MS, stalledMs: silenceOf(log, program.stall_seconds), heard: () => undefined },
  );
  if (end.interruption !== null) {
    throw errorOf({ how: 'interrupted', by: end.interruption, detail: 'it begins anew' }, attempt.attempt);
  }
  if (end.code !== 0) throw errorOf({ how: 'died', ...end, log: referenceTo(root, log) }, attempt.attempt);
  const files = Object.entries(program.outputs).map(async ([name, file]) => {
    const reference = `${input.directory}/${file}`;
    const sha256 = await sha256File(placeOf(root, reference)).catch(() => null);
    if (sha256 === null) {
      const message = `${input.stage}: expected the program to write ${reference}, got no such file; see its log`;
      throw failure('Crashed', message, attempt.attempt);
    }
    return [name, { file: reference, sha256 }] as const;
  });
  return { files: Object.fromEntries(await Promise.all(files)) };
}

// A foreign program says nothing of its progress but what it writes.
function silenceOf(log: string, mostSeconds: number | null): () => number | null {
  if (mostSeconds === null) return () => null;
  let [size, since] = [0, performance.now()];
  return () => {
    const [found, now] = [statSync(log).size, performance.now()];
    if (found !== size) [size, since] = [found, now];
    return now - since > 1000 * mostSeconds ? now - since : null;
  };
}
