import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Command } from 'commander';
import { catalogue } from '../artifacts/catalogue.ts';
import { atomicWrite, copyWhole, isNoFile, sha256File } from '../artifacts/files.ts';
import { allFilesOf } from '../artifacts/manifest.ts';
import { checkRunId, manifestName, placeOf, resultsRoot } from '../artifacts/paths.ts';
import type { FileReference } from '../artifacts/references.ts';
import { openStore } from '../artifacts/results.ts';
import { Failure } from './failure.ts';
import { defineForRun, output } from './options.ts';
import { bytes, many } from '../report/format.ts';

interface Options {
  readonly to: string;
  readonly only?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  defineForRun(command)
    .requiredOption('--to <folder>', 'results folder to bring it into; the run gets its own folder there')
    .option('--only <path>', 'a part of the run: a stage, a folder or a file of it, as 7_from_6/tensorboard')
    .action(pull);
}

/**
 * Brings a run out of the store into a folder, as it would lie there had it been made there: every command reads it,
 * TensorBoard too. What is there already with the same bytes is not copied again, so a pull that was broken off goes on.
 */
async function pull(run: string, { to, only, json }: Options): Promise<void> {
  const root = resultsRoot();
  if (path.resolve(to) === root) {
    throw new Failure(`--to: expected another folder than the one that results lie in, got ${root}; name another`, 2);
  }
  const store = openStore(root);
  const part = only === undefined ? checkRunId(run) : `${checkRunId(run)}/${only.replace(/\/+$/, '')}`;
  const isWanted = (name: string): boolean => name === part || name.startsWith(`${part}/`);
  const stages = await catalogue(root, run);
  const files = new Map(stages.flatMap(({ manifest }) => allFilesOf(manifest)).map((file) => [file.file, file]));
  const wanted = [...files.values()].filter(({ file }) => isWanted(file));
  const whole = stages.filter(({ directory }) => isWanted(directory));
  if (wanted.length + whole.length === 0) {
    throw new Failure(`${part}: expected a run or a part of one in ${root}, got none that a manifest names`, 2);
  }
  let copied = 0;
  for (const file of wanted) copied += await bring(to, file, async () => await store.fetch(file));
  for (const { directory, manifest } of whole) {
    for (const log of await store.logs(directory)) {
      await bringWhole(log, placeOf(path.resolve(to), `${directory}/${path.basename(log)}`));
    }
    const place = placeOf(path.resolve(to), `${directory}/${manifestName(manifest.sequence)}`);
    await atomicWrite(place, `${JSON.stringify(manifest, null, 1)}\n`);
  }
  output(json, { to: path.resolve(to), run, files: wanted.length, copied }, () => {
    return `${path.join(to, part)} has ${many(wanted.length, 'file')}; ${bytes(copied)} were copied just now`;
  });
}

/** Copies a file into the folder unless it is there; how many bytes that were. */
async function bring(to: string, { file, sha256 }: FileReference, fetch: () => Promise<string>): Promise<number> {
  const place = placeOf(path.resolve(to), file);
  const here = await sha256File(place).catch((error: unknown) => {
    if (isNoFile(error)) return null;
    throw error;
  });
  return here === sha256 ? 0 : await bringWhole(await fetch(), place);
}

/** Copies a file; its size. */
async function bringWhole(from: string, to: string): Promise<number> {
  await mkdir(path.dirname(to), { recursive: true });
  await copyWhole(from, to);
  return (await stat(to)).size;
}
