import path from 'node:path';
import type { FileReference } from '../artifacts/references.ts';
import pc from 'picocolors';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { catalogue, runOf, stageNamed } from '../artifacts/catalogue.ts';
import type { CataloguedStage } from '../artifacts/catalogue.ts';
import { filesOf, namedFiles } from '../artifacts/manifest.ts';
import { fileNames, isS3, projectRoots, referenceTo } from '../artifacts/paths.ts';
import { openStore } from '../artifacts/results.ts';
import { choiceInWords } from '../report/format.ts';
import { Failure } from './failure.ts';

/** A file that something was made of, or that was asked for. */
interface Link {
  readonly file: string;
  readonly sha256: string;
  /** What is found there now. */
  readonly found: 'the same' | 'other bytes' | 'no file';
  /** Directory of the stage that made it; null for a file of the project. */
  readonly madeBy: string | null;
}

/** A stage with what it took in. */
interface Ancestor extends CataloguedStage {
  readonly inputs: readonly Link[];
}

interface Lineage {
  /** What was asked for. */
  readonly files: readonly Link[];
  /** Every stage behind it, by directory. */
  readonly stages: ReadonlyMap<string, Ancestor>;
}

/**
 * Where a file, a stage or all of a run comes from, with every hash compared with the file as it is.
 * @param what a path below the results root or from the current folder, RUN/STAGE, or a run id
 * @throws Failure (exit code 2) for what no manifest knows
 */
export async function lineageOf(root: string, what: string): Promise<Lineage> {
  const all = await catalogue(root);
  const makers = new Map(all.flatMap((stage) => filesOf(stage.manifest).map(({ file }) => [file, stage] as const)));
  const byHash = new Map(all.flatMap((stage) => filesOf(stage.manifest).map((one) => [one.sha256, { one, stage }])));
  const stages = new Map<string, Ancestor>();

  const linkTo = async ({ file, sha256 }: FileReference): Promise<Link> => {
    // What was taken over names files of a run that may be gone: any file of the same bytes serves.
    const isOurs = makers.has(file) || !byHash.has(sha256) ? file : (byHash.get(sha256)?.one.file ?? file);
    const maker = makers.get(isOurs);
    const own = { file: isOurs, sha256 };
    const hash = maker === undefined ? await hashOfProjectFile({ file, sha256 }) : await openStore(root).hashOf(own);
    if (maker !== undefined) await visit(maker);
    const found = hash === null ? 'no file' : hash === sha256 ? 'the same' : 'other bytes';
    return {
      file: isOurs,
      sha256: typeof sha256 === 'string' ? sha256 : 'none',
      found,
      madeBy: maker?.directory ?? null,
    };
  };
  const visit = async (stage: CataloguedStage): Promise<void> => {
    if (stages.has(stage.directory)) return;
    stages.set(stage.directory, { ...stage, inputs: [] });
    const inputs: Link[] = [];
    for (const file of namedFiles(stage.manifest.config)) inputs.push(await linkTo(file));
    stages.set(stage.directory, { ...stage, inputs });
  };

  const files: Link[] = [];
  for (const file of wanted(root, what, all)) files.push(await linkTo(file));
  return { files, stages };
}

async function hashOfProjectFile(file: FileReference): Promise<string | null> {
  const hashes = await Promise.all(projectRoots.map((root) => openStore(root).hashOf(file)));
  return hashes.find((hash) => hash !== null) ?? null;
}

// The files that are asked for, by name.
function wanted(root: string, what: string, all: readonly CataloguedStage[]): FileReference[] {
  const below = !isS3(root) && existsSync(what) ? referenceTo(root, path.resolve(what)) : what.replace(/\/+$/, '');
  const owner = all.find(({ manifest }) => filesOf(manifest).some(({ file }) => file === below));
  if (owner !== undefined)
    return filesOf(owner.manifest)
      .filter(({ file }) => file === below)
      .slice(0, 1);
  const stage =
    all.find(({ directory }) => below === `${directory}/${fileNames.chosenSupernet}`) ?? stageNamed(all, below);
  const ofRun = all.filter(({ directory }) => runOf(directory) === below);
  const taken = new Set(ofRun.flatMap(({ manifest }) => namedFiles(manifest.config).map(({ sha256 }) => sha256)));
  // Of a run: what no other stage of it has gone on from.
  const last =
    stage === undefined ? ofRun.flatMap(resultOf).filter(({ sha256 }) => !taken.has(sha256)) : resultOf(stage);
  if (last.length > 0) return last;
  if (stage !== undefined || ofRun.length > 0) {
    throw new Failure(`${what}: expected files that were handed on, got none: nothing there is to be checked`, 2);
  }
  throw new Failure(
    `${what}: expected a result file, a stage or a run below ${root}, got none that a manifest knows; set NAS_RESULTS if the results lie elsewhere`,
    2,
  );
}

function resultOf({ manifest }: CataloguedStage): FileReference[] {
  return namedFiles(manifest.outputs ?? {});
}

/** A lineage as text: each file with its hash and whether it is as it was, below it the stage that made it and what that took in. */
export function lineageTree({ files, stages }: Lineage): string {
  const shown = new Set<string>();
  const lines = (link: Link, indent: string): string[] => {
    const { file, sha256, found, madeBy } = link;
    const mark = found === 'the same' ? pc.green('✓') : pc.red('✗');
    const wrong = found === 'the same' ? '' : pc.red(` ${found}`);
    const head = `${indent}${mark} ${file} ${pc.dim(`sha256 ${sha256}`)}${wrong}`;
    const stage = madeBy === null ? undefined : stages.get(madeBy);
    if (stage === undefined) return [head];
    if (shown.has(stage.directory)) return [head, `${indent}    made by ${stage.directory}, as above`];
    shown.add(stage.directory);
    return [
      head,
      ...factsOf(stage).map((fact) => `${indent}    ${fact}`),
      ...stage.inputs.flatMap((input) => lines(input, `${indent}    `)),
    ];
  };
  return files.flatMap((file) => lines(file, '')).join('\n');
}

const Facts = z.looseObject({
  seed: z.number().optional(),
  seeds: z.array(z.number()).optional(),
  dataset: z.looseObject({ name: z.string() }).optional(),
});

/** What stands in a manifest beside its files: kind, fingerprint, seeds, data, versions, who chose which epoch. */
function factsOf({ directory, manifest }: Ancestor): string[] {
  const { uses, fingerprint, config, environment, selection, reused, notices } = manifest;
  const facts = Facts.safeParse(config).data ?? {};
  const seeds = facts.seeds ?? (facts.seed === undefined ? [] : [facts.seed]);
  const versions = Object.entries(environment).map(([name, value]) => `${name} ${value}`);
  return [
    `made by ${directory} (${uses}), fingerprint ${fingerprint}`,
    `config sha256 ${hashOf(config)}${seeds.length === 0 ? '' : `, seed ${seeds.join(', ')}`}`,
    ...(facts.dataset === undefined
      ? []
      : [`data ${facts.dataset.name}, sha256 of its description ${hashOf(facts.dataset)}`]),
    ...(versions.length === 0 ? [] : [`computed with ${versions.join(', ')}`]),
    ...(selection === null ? [] : [choiceInWords(selection)]),
    ...notices,
    ...(reused === null ? [] : [reused.why]),
  ];
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
