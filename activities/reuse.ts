import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import { ApplicationFailure, heartbeat } from '@temporalio/activity';
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import type { StageAttempt } from './stage-activity.ts';
import { catalogue, runOf } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { commit } from '../artifacts/fence.ts';
import { atomicPlace, filesOf, hashAt, temporaryName } from '../artifacts/files.ts';
import { JsonMap } from '../artifacts/json.ts';
import { readManifest } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { fileNames, placeOf } from '../artifacts/paths.ts';
import { kindOf } from '../pipelines/kinds/catalogue.ts';
import type { Choice } from '../plan/choice.ts';
import type { StageResult } from '../plan/results.ts';
import type { Json } from '../plan/json.ts';

/** A stage that is done with that fingerprint and whose files are as they were; what was deleted or damaged is made anew. */
export async function findFinished(root: string, directory: string, fingerprint: string): Promise<Manifest | null> {
  const manifest = await readManifest(root, directory);
  if (manifest?.state !== 'done' || manifest.fingerprint !== fingerprint) return null;
  // Of epochs one that is left is enough, and whoever takes a supernet in compares its hash.
  if (manifest.epochs.length > 0) return choicesOf(manifest, root).length > 0 ? manifest : null;
  return (await damagedFile(root, manifest)) === null ? manifest : null;
}

/** The first file of a result that is gone or has other bytes; null where all are as they were. `looked` is called between files. */
export async function damagedFile(root: string, manifest: Manifest, looked?: () => void): Promise<string | null> {
  for (const { file, sha256 } of filesOf(manifest)) {
    const found = await hashAt(root, file);
    if (found !== sha256) return found === null ? `no file ${file}` : `other bytes in ${file}`;
    looked?.();
  }
  return null;
}

/** Why work is taken over whose fingerprint is the same. */
export function becauseSame(directory: string): string {
  return `reused from ${directory}, because inputs, config and code are the same`;
}

/** What a finished stage gives to the workflow. `reused` says why nothing was done, if nothing was. */
export function resultOf(manifest: Manifest, root: string, attempt: number, reused: string | null): StageResult {
  if (manifest.epochs.length === 0) {
    return { outputs: manifest.outputs, choices: null, chosen: null, attempt, reused };
  }
  const { selection } = manifest;
  const choices = choicesOf(manifest, root);
  const isPersons = selection?.by === 'person' && choices.some(({ epoch }) => epoch === selection.epoch);
  const chosen = isPersons
    ? { epoch: selection.epoch, by: selection.by, who: selection.who, why: selection.why }
    : null;
  return { outputs: null, choices, chosen, attempt, reused };
}

/** Epochs a person or a rule may choose: those whose supernet is there. */
export function choicesOf(manifest: Manifest, root: string): Choice[] {
  const there = manifest.epochs.filter(({ file }) => file !== null && existsSync(placeOf(root, file)));
  return there.map(({ epoch, tau, interval }) => ({ epoch, tau, interval }));
}

/**
 * Gives the stage what another run has made of the same inputs, config and code, or as the plan says: its files by hard
 * links, so that either run may be deleted, its manifest, and what is plotted of it. Null where there is nothing whole to take.
 */
export async function takeOver(attempt: StageAttempt): Promise<Manifest | null> {
  const { root, input } = attempt;
  const { reuse = 'anything' } = input;
  if (reuse === 'nothing') return null;
  if (reuse !== 'anything') return await takeAsItIs(attempt, reuse.run);
  for (const found of await sameWork(root, attempt.fingerprint, input)) {
    if ((await damagedFile(root, found.manifest, heartbeat)) !== null) continue;
    return await adopt(attempt, found, becauseSame(found.directory));
  }
  return null;
}

/** Stages of other runs that are done with that fingerprint, those that did the work themselves first, then the latest. */
export async function sameWork(
  root: string,
  fingerprint: string,
  { uses, directory }: { readonly uses: string; readonly directory: string },
): Promise<CataloguedStage[]> {
  if (!kindOf(uses).isReusable) return [];
  const found = (await catalogue(root)).filter(
    (stage) =>
      stage.manifest.state === 'done' &&
      stage.manifest.fingerprint === fingerprint &&
      runOf(stage.directory) !== runOf(directory),
  );
  return found.toSorted((a, b) => (rank(a) < rank(b) ? 1 : -1));
}

function rank({ manifest }: CataloguedStage): string {
  return `${manifest.reused === null ? 1 : 0} ${manifest.attempts.at(-1)?.ended ?? ''}`;
}

async function takeAsItIs(attempt: StageAttempt, run: string): Promise<Manifest> {
  const { root, input } = attempt;
  const directory = run + input.directory.slice(runOf(input.directory).length);
  const manifest = await readManifest(root, directory);
  const damaged = manifest === null ? null : await damagedFile(root, manifest, heartbeat);
  if (manifest?.state === 'done' && manifest.uses === input.uses && damaged === null) {
    return await adopt(attempt, { directory, manifest }, `taken over from ${directory} as it is, as asked`);
  }
  const got = manifest?.state === 'done' ? (damaged ?? `a stage of kind ${manifest.uses}`) : 'no finished stage';
  const message = `${input.stage}: expected a finished ${input.uses} in ${directory}, got ${got}; start from an earlier stage`;
  throw ApplicationFailure.nonRetryable(message, 'BadInput', attempt.attempt);
}

async function adopt(
  { root, folder, input, token }: StageAttempt,
  { directory, manifest }: CataloguedStage,
  why: string,
): Promise<Manifest> {
  const moved = (file: string): string => {
    if (file.startsWith(`${directory}/`)) return input.directory + file.slice(directory.length);
    throw new BadInput(
      `${directory}: expected results in its own folder, got ${file}, as version 0.1.0 made them; start from an earlier stage`,
    );
  };
  const named = filesOf(manifest).map(({ file }) => file);
  const names = [...new Set([...named, ...(await plotsOf(root, directory))])];
  const placements = await Promise.all(
    names.map(async (name) => {
      const [to, from] = [moved(name), temporaryName(path.join(folder, path.basename(name)))];
      await mkdir(path.dirname(placeOf(root, to)), { recursive: true });
      await atomicPlace(placeOf(root, name), from);
      return { from, to };
    }),
  );
  const { fingerprint, config, environment, epochs, outputs, selection, files } = manifest;
  const taken = {
    fingerprint,
    config,
    environment,
    selection,
    state: 'done',
    epochs: epochs.map((epoch) => ({ ...epoch, file: epoch.file === null ? null : moved(epoch.file) })),
    outputs:
      outputs === null ? null : JsonMap.parse(renamed(outputs, new Map(names.map((name) => [name, moved(name)])))),
    files: files.map(({ file, sha256 }) => ({ file: moved(file), sha256 })),
    reused: { from: directory, why },
  } as const;
  return await commit(root, input.directory, token, (before) => ({ ...before, ...taken }), placements);
}

/** The metrics of a stage that was trained: no part of its result, so there without hashes, or missing. */
async function plotsOf(root: string, directory: string): Promise<string[]> {
  const folder = `${directory}/${fileNames.tensorboard}`;
  const events = (await readdir(placeOf(root, folder)).catch(() => [])).map((name) => `${folder}/${name}`);
  return [`${directory}/${fileNames.metricsLog}`, ...events].filter((file) => existsSync(placeOf(root, file)));
}

function renamed(value: Json, names: ReadonlyMap<string, string>): Json {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: Json) => renamed(item, names));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, renamed(item, names)]));
}
