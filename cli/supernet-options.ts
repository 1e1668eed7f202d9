import path from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { catalogue, runOf, stageNamed } from '../artifacts/catalogue.ts';
import { sha256File } from '../artifacts/files.ts';
import { allFilesOf, filesOf } from '../artifacts/manifest.ts';
import type { Manifest } from '../artifacts/manifest.ts';
import { fileNames, isS3, resultsRoot } from '../artifacts/paths.ts';
import type { FileReference } from '../artifacts/references.ts';
import { openStore, readManifest } from '../artifacts/results.ts';
import { Failure } from './failure.ts';
import { wholeNumber } from './options.ts';
import { DatasetConfig, partImages } from '../configs/dataset-schema.ts';
import { SpaceConfig } from '../configs/space-schema.ts';
import { Calibration } from '../nas/deployment/request.ts';
import type { OfSupernet } from '../nas/deployment/request.ts';
import { parseArchCode } from '../nas/space/arch-code.ts';
import { mostGroups } from '../nas/space/groups.ts';
import { PipelineError } from '../pipelines/problems.ts';
import { Project } from '../pipelines/project.ts';

/** A subnet of a supernet, and what nobody has written down about the supernet's file. */
export interface SubnetOptions {
  readonly supernet?: string;
  readonly arch?: string;
  readonly space?: string;
  readonly dataset?: string;
  readonly groups?: number;
  readonly calibration?: Pick<Calibration, 'batches' | 'batch_size'>;
}

/** Adds the options that name a subnet. */
export function defineForSubnet(command: Command): Command {
  return command
    .option('--supernet <file>', 'a supernet (.safetensors), or RUN/STAGE for the one that stage chose')
    .option('--arch <code>', 'arch code of the subnet')
    .option(
      '--space <name>',
      'of configs/spaces; this and the next three are needed only of a supernet that no run here has trained',
    )
    .option('--dataset <name>', 'of configs/datasets, to calibrate with')
    .option('--groups <k>', 'K of the supernet', wholeNumber)
    .option('--calibration <batches>x<images>', 'how much BN statistics are averaged over', batchesOf);
}

// What the original calibrates with.
const USUAL = { part: 'calibration', batches: 64, batch_size: 128 } as const;

/**
 * The subnet that the options name, with its supernet's space, data set and K: out of the manifest of the stage that
 * trained it, wherever the options do not say otherwise.
 * @throws Failure or PipelineError (exit code 2) for what is missing or does not fit
 */
export async function subnetOf(options: SubnetOptions): Promise<OfSupernet> {
  const { supernet, arch } = options;
  if (supernet === undefined || arch === undefined) {
    const got = supernet === undefined ? (arch === undefined ? 'none of them' : 'no --supernet') : 'no --arch';
    throw new Failure(`expected --supernet FILE and --arch CODE, got ${got}; \`nas top RUN\` lists arch codes`, 2);
  }
  const file = await placeOf(supernet);
  const sha256 = await sha256File(file);
  const known = await trainedWith(file, sha256);
  const space = options.space === undefined ? known?.space : SpaceConfig.parse(named('space', options.space));
  const dataset =
    options.dataset === undefined ? known?.dataset : DatasetConfig.parse(named('dataset', options.dataset));
  const groups = options.groups ?? known?.groups;
  if (space === undefined || dataset === undefined || groups === undefined) {
    throw new Failure(
      `${supernet}: expected a file that a manifest below ${resultsRoot()} knows, got another; give --space, --dataset and --groups, or set NAS_RESULTS`,
      2,
    );
  }
  const calibration = { ...(known?.calibration ?? USUAL), ...options.calibration };
  // Small nets lose more by sharing an operation among threads than they gain: as many as it was trained with.
  const threads = known?.threads ?? availableParallelism();
  const found = { kind: 'supernet', file, sha256, groups, space, dataset, calibration, arch, threads } as const;
  check(found);
  return found;
}

/** The file, also where it is named from the results folder, or by the stage that chose it. */
async function placeOf(supernet: string): Promise<string> {
  const root = resultsRoot();
  const below = path.resolve(root, supernet);
  const inFolder = isS3(root) ? [] : [below, path.join(below, fileNames.chosenSupernet)];
  const places = [path.resolve(supernet), ...inFolder];
  const found = places.find((place) => statSync(place, { throwIfNoEntry: false })?.isFile());
  if (found !== undefined) return found;
  const result = await resultNamed(root, supernet);
  if (result !== null) return await openStore(root).fetch(result);
  throw new Failure(
    `${supernet}: expected a supernet's file or the stage of one (RUN/STAGE), got neither; correct the path, or set NAS_RESULTS`,
    2,
  );
}

/**
 * A file of a run by its name, or the supernet that a stage chose, which goes by its folder or its id; null where no manifest
 * names it.
 */
async function resultNamed(root: string, name: string): Promise<FileReference | null> {
  const stages = await catalogue(root, runOf(name));
  const folder = stageNamed(stages, name)?.directory ?? name;
  const files = stages.flatMap(({ manifest }) => allFilesOf(manifest));
  return files.find(({ file }) => file === name || file === `${folder}/${fileNames.chosenSupernet}`) ?? null;
}

const Trained = z.object({
  space: SpaceConfig,
  dataset: DatasetConfig,
  groups: z.int(),
  calibration: Calibration,
  threads: z.int(),
});

/** What the stage was configured with that made a file of these bytes; null where none is known. */
async function trainedWith(file: string, sha256: string): Promise<z.infer<typeof Trained> | null> {
  const made = (manifest: Manifest): boolean => filesOf(manifest).some((one) => one.sha256 === sha256);
  // It may lie beside the manifest of another results folder.
  const beside = await readManifest(path.dirname(path.dirname(file)), path.basename(path.dirname(file)));
  const own = beside === null ? [] : [beside];
  const all = own.some(made) ? own : (await catalogue(resultsRoot())).map(({ manifest }) => manifest);
  const maker = all.find((manifest) => manifest.uses === 'train-supernet' && made(manifest));
  return Trained.safeParse(maker?.config).data ?? null;
}

function named(what: 'space' | 'dataset', name: string): unknown {
  const found = new Project().named(what, name, { source: `--${what}` }, []);
  if ('problems' in found) throw new PipelineError(found.problems);
  return found.value;
}

function check({ arch, space, dataset, groups, calibration }: OfSupernet): void {
  try {
    parseArchCode(space, arch);
  } catch (error) {
    refuse('arch', `${error instanceof Error ? error.message : String(error)}; the space is ${space.name}`);
  }
  const { most } = mostGroups(space);
  if (groups < 1 || groups > most) refuse('groups', `expected 1..${most}, got ${groups}`);
  const side = space.resolutions.at(-1);
  if (space.channels !== dataset.channels || side !== dataset.resolution) {
    const got = `${dataset.resolution} pixels and ${dataset.channels} (${dataset.name})`;
    refuse('dataset', `expected images of ${side} pixels and ${space.channels} channels, got ${got}`);
  }
  const [wanted, images] = [calibration.batches * calibration.batch_size, partImages(dataset, calibration.part)];
  if (wanted > images) {
    refuse(
      'calibration',
      `expected at most the ${images} images of ${calibration.part}, got ${wanted}; lower the batches`,
    );
  }
}

function refuse(option: string, message: string): never {
  throw new Failure(`--${option}: ${message}`, 2);
}

function batchesOf(text: string): Pick<Calibration, 'batches' | 'batch_size'> {
  const [, batches, images] = /^([1-9]\d{0,5})x([1-9]\d{0,5})$/.exec(text) ?? [];
  if (batches === undefined) throw new InvalidArgumentError('expected <batches>x<images>, such as 64x128.');
  return { batches: Number(batches), batch_size: Number(images) };
}
