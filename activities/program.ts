import path from 'node:path';
import { constants, existsSync, statSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import type { StageAttempt } from './attempt.ts';
import { errorOfDeath, InterruptedError } from './endings.ts';
import { GRACE_MS, superviseProcess } from './process.ts';
import { atomicWrite } from '../artifacts/files.ts';
import { catalogue, runOf } from '../artifacts/catalogue.ts';
import { allFilesOf } from '../artifacts/manifest.ts';
import { fileNames, logName, placeOf } from '../artifacts/paths.ts';
import type { HeldStage } from '../artifacts/stage.ts';
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
  await stage.store.logs(stage.directory);
  const log = path.join(folder, logName(0));
  const workRoot = folder.slice(0, -`/${stage.directory}`.length);
  await fetchInputs(stage, program, workRoot);
  phases.enter('running');
  const end = await superviseProcess(
    {
      file: programFile('activities/program-guard.ts'),
      processes: [{ arguments: [order], environment: { ...deviceEnvironment(device), ...program.env }, log }],
      results: workRoot,
      directory: stage.directory,
    },
    { graceMs: GRACE_MS, stalledMs: silenceOf(log, program.stall_seconds), onMessage: () => undefined },
  );
  phases.enter('hashing');
  if (end.interruption !== null) throw new InterruptedError(end.interruption, 'it begins anew');
  if (end.code !== 0) {
    throw errorOfDeath({ ...end, lastSeen: null, log: `${stage.directory}/${logName(0)}` });
  }
  const files = await promisedFiles(attempt, program.outputs, workRoot);
  phases.enter(null);
  return { files };
}

/** Commits the files that the program has promised; each by its name in the outputs. */
async function promisedFiles(
  { stage, input }: StageAttempt,
  outputs: Readonly<Record<string, string>>,
  workRoot: string,
): Promise<JsonObject> {
  const promised = Object.entries(outputs).map(([name, file]) => ({ name, file: `${stage.directory}/${file}` }));
  for (const { file } of promised) {
    if (existsSync(placeOf(workRoot, file))) continue;
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

/** Where results lie elsewhere, files of the run that the program's words name are brought to their places below its root. */
async function fetchInputs({ store, root, directory }: HeldStage, program: Program, workRoot: string): Promise<void> {
  if (!store.isFar) return;
  const words = [...program.run, ...Object.values(program.env)];
  const stages = await catalogue(root, runOf(directory));
  for (const file of stages.flatMap(({ manifest }) => allFilesOf(manifest))) {
    if (!words.some((word) => word.includes(file.file))) continue;
    const place = placeOf(workRoot, file.file);
    await mkdir(path.dirname(place), { recursive: true });
    await copyFile(await store.fetch(file), place, constants.COPYFILE_FICLONE);
  }
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
