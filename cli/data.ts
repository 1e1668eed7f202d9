import path from 'node:path';
import type { Command } from 'commander';
import { dump, load } from 'js-yaml';
import { readFile } from 'node:fs/promises';
import { atomicWrite } from '../artifacts/files.ts';
import { Failure } from './failure.ts';
import { z } from 'zod';
import { jsonOption, output, wholeNumber } from './options.ts';
import { columns } from './view/format.ts';
import { ImageList } from '../configs/dataset-schema.ts';
import type { ImageListConfig } from '../configs/dataset-schema.ts';
import { CLASS_NAMES } from '../nas/data/class-names.ts';
import { prepareImageNet } from '../nas/data/imagenet/prepare.ts';
import type { Prepared } from '../nas/data/imagenet/prepare.ts';
import { isS3, projectFile } from '../artifacts/paths.ts';
import { projectRoot } from '../runtime/layout.ts';
import { openStore } from '../artifacts/results.ts';
import { writeShards } from '../nas/data/shards/write.ts';

interface DataOptions {
  readonly root: string;
  readonly lists?: string;
  readonly valLabels?: string;
  readonly classNames?: string;
  readonly out?: string;
  readonly calibration: number;
  readonly selection: number;
  readonly groundTruth: number;
  readonly seed: number;
  readonly quick?: true;
  readonly skipBroken?: true;
  readonly config?: string;
  readonly shards?: string;
  readonly json?: true;
}

export function define(command: Command): void {
  command
    .command('imagenet')
    .description('write the lists of an ImageNet-like folder, every image checked')
    .requiredOption('--root <folder>', 'the folder with train/<class>/ and val/<class>/, or a flat val/')
    .option('--val-labels <file>', 'the classes of a flat val/, a file name and its class a line')
    .option('--lists <folder>', "take the original's train.txt and valid.txt from there, and walk no folders")
    .option('--class-names <file>', 'names for class_names.txt, a folder of train/ and its name a line')
    .option('--out <folder>', 'where the lists are written (default: the root)')
    .option('--calibration <n>', 'training images for BN statistics', wholeNumber, 10_000)
    .option('--selection <n>', 'validation images that epochs are chosen by', wholeNumber, 2500)
    .option('--ground-truth <n>', 'validation images for nets trained alone', wholeNumber, 10_000)
    .option('--seed <n>', 'which images fall into which part', wholeNumber, 0)
    .option('--quick', 'look at the beginning of each file only')
    .option('--skip-broken', 'leave broken images out')
    .option('--config <file>', 'write a data set config too, such as configs/datasets/mine.yml')
    .option('--shards <place>', 'put lists and images there too, as tar files: a folder, or s3://… (docs/imagenet.md)')
    .addOption(jsonOption())
    .action(imagenet);
}

async function imagenet(options: DataOptions): Promise<void> {
  const root = path.resolve(options.root);
  const out = path.resolve(options.out ?? root);
  const name = options.config === undefined ? null : datasetName(options.config);
  const prepared = await prepareImageNet({
    root,
    out,
    lists: absolute(options.lists),
    labels: absolute(options.valLabels),
    classNames: absolute(options.classNames),
    sizes: options,
    seed: options.seed,
    look: options.quick === true ? 'header' : 'whole',
    skipBroken: options.skipBroken === true,
    onProgress: progress('read'),
  });
  const { template, usualCalibration } = await shipped();
  const listed = ImageList.parse({ ...template, ...prepared.place, name: name ?? template.name });
  const shards = options.shards === undefined ? null : await inShards(listed, options.shards);
  const dataset: ImageListConfig = { ...listed, ...(shards === null ? {} : { shards }) };
  const note =
    '# Written by nas data imagenet; what its keys mean: docs/reference/pipelines.md, A data set of image files.\n';
  if (options.config !== undefined) await atomicWrite(options.config, note + dump(dataset));
  const next = options.config === undefined ? [] : usedBy(options.config, dataset, usualCalibration);
  output(options.json, { ...prepared, dataset, next }, () => {
    const where = shards === null ? [] : [`lists and images are in ${shards.at} as shards`];
    return [...inWords(prepared, out), ...where, ...next].join('\n');
  });
}

function progress(what: string): (done: number, all: number) => void {
  return (done, all) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all} images ${what}${done === all ? '\n' : ''}`);
  };
}

/** Writes the shards; what the config says of them. */
async function inShards(dataset: ImageListConfig, place: string): Promise<NonNullable<ImageListConfig['shards']>> {
  const at = isS3(place) ? place : path.resolve(place);
  return { at, sha256: await writeShards(dataset, openStore(at), progress('put into shards')) };
}

function absolute(file: string | undefined): string | null {
  return file === undefined ? null : path.resolve(file);
}

/** A pipeline names a data set by its file, and writes that name as YAML. */
function datasetName(file: string): string {
  const { name, ext } = path.parse(file);
  if (ext === '.yml' && /^[a-z][\w.-]*$/i.test(name) && load(name) === name) return name;
  throw new Failure(
    `--config ${file}: expected a name of letters and digits that ends in .yml, got another; rename it`,
    2,
  );
}

const Calibration = z.object({ calibration: z.object({ batches: z.int(), batch_size: z.int() }) });

/** The config of ImageNet, and how many images a pipeline calibrates with where it does not say. */
async function shipped() {
  const template = ImageList.parse(await readConfig('datasets/imagenet.yml'));
  const { calibration } = Calibration.parse(await readConfig('common.yml'));
  return { template, usualCalibration: calibration };
}

async function readConfig(file: string): Promise<unknown> {
  return load(await readFile(projectFile(`configs/${file}`), 'utf8'));
}

/** How a pipeline is run on that data set. */
function usedBy(
  file: string,
  { name, classes, parts }: ImageListConfig,
  usual: { batches: number; batch_size: number },
): string[] {
  const folder = path.join(projectRoot, 'configs', 'datasets');
  const moved =
    path.dirname(path.resolve(file)) === folder ? [] : [`to name it in a pipeline, put ${file} into ${folder}`];
  const settings = [`dataset=${name}`, `n_classes=${classes}`];
  const { images } = parts.calibration;
  if (images < usual.batches * usual.batch_size) {
    const size = Math.min(usual.batch_size, images);
    settings.push(`calibration.batches=${Math.floor(images / size)}`, `calibration.batch_size=${size}`);
  }
  return [...moved, `run a pipeline on it with ${settings.map((setting) => `--set with.${setting}`).join(' ')}`];
}

const NAMES_FROM = { mapping: 'by their mapping', before: 'as they stood there', folders: 'of their folders' };

function inWords({ classNames, lists, broken, leftOut, notes }: Prepared, out: string): string[] {
  const rows = lists.map(({ file, images, classes }) => [
    path.join(out, file),
    `${images} images`,
    `${classes} classes`,
  ]);
  if (classNames) {
    rows.push([path.join(out, CLASS_NAMES), `${classNames.names.length} names`, NAMES_FROM[classNames.from]]);
  }
  return [
    ...columns(rows),
    ...broken.map(({ path: file, reason }) => `left out: ${file}, ${reason}`),
    ...leftOut.map(({ reason, count, examples }) => {
      const some = [...examples, ...(count > examples.length ? ['…'] : [])].join(', ');
      return `left out: ${count}, ${reason} (${some})`;
    }),
    ...notes.map((note) => `note: ${note}`),
  ];
}
