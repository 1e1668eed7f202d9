import path from 'node:path';
import { statSync } from 'node:fs';
import type { StageAttempt } from './attempt.ts';
import { errorOfDeath, InterruptedError } from './endings.ts';
import { GRACE_MS, superviseProcess } from './process.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { fileNames } from '../artifacts/paths.ts';
import type { Program } from '../pipelines/kinds/kind.ts';
import { KnownError } from '../plan/endings.ts';
import type { JsonObject } from '../plan/json.ts';
import { programFile } from '../runtime/layout.ts';
import { deviceEnvironment } from '../runtime/machine.ts';

/** Runs any program in the stage's folder: exit code 0 and every promised file there, or the stage failed. */
export async function runProgram(attempt: StageAttempt, program: Program): Promise<JsonObject> {
  const { stage, folder, devices, phases } = attempt;
  const [device = 'cpu'] = devices;
  const order = path.join(folder, fileNames.job);
  await atomicWrite(order, `${JSON.stringify({ run: program.run }, null, 1)}\n`);
  const log = path.join(folder, fileNames.trainerLog);
  phases.enter('running');
  const end = await superviseProcess(
    {
      file: programFile('activities/program-guard.ts'),
      processes: [{ arguments: [order], environment: { ...deviceEnvironment(device), ...program.env }, log }],
      results: stage.root,
      directory: stage.directory,
    },
    { graceMs: GRACE_MS, stalledMs: silenceOf(log, program.stall_seconds), onMessage: () => undefined },
  );
  phases.enter('hashing');
  if (end.interruption !== null) throw new InterruptedError(end.interruption, 'it begins anew');
  if (end.code !== 0) {
    throw errorOfDeath({ ...end, lastSeen: null, log: `${stage.directory}/${fileNames.trainerLog}` });
  }
  const files = await promisedFiles(attempt, program.outputs);
  phases.enter(null);
  return { files };
}

/** Commits the files that the program has promised; each by its name in the outputs. */
async function promisedFiles(
  { stage, input }: StageAttempt,
  outputs: Readonly<Record<string, string>>,
): Promise<JsonObject> {
  const promised = Object.entries(outputs).map(([name, file]) => ({ name, file: `${stage.directory}/${file}` }));
  for (const { file } of promised) {
    if (await stage.store.has(file)) continue;
    throw new KnownError(
      'Crashed',
      `${input.stage}: expected the program to write ${file}, got no such file; see its log`,
    );
  }
  const stored = await stage.commit(promised.map(({ file }) => ({ file, isInPlace: true })));
  return Object.fromEntries(
    promised.map(({ name }, at) => [name, { file: stored[at]!.file, sha256: stored[at]!.sha256 }]),
  );
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
