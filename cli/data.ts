import { BadInput } from '../plan/endings.ts';
import path from 'node:path';
import type { Command } from 'commander';
import { dump, load } from 'js-yaml';
import { readFile } from 'node:fs/promises';
import { atomicWrite } from '../artifacts/files.ts';
import { Failure } from './failure.ts';
import { jsonOption, output, wholeNumber } from './options.ts';
import { columns } from './view/format.ts';
import { ImageList } from '../configs/dataset-schema.ts';
import type { ImageListConfig } from '../configs/dataset-schema.ts';
import { CLASS_NAMES } from '../nas/data/image-list.ts';
import { prepareImageNet } from '../nas/data/imagenet/prepare.ts';
import type { Prepared } from '../nas/data/imagenet/prepare.ts';

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
    .option('--skip-broken', 'leave images out that cannot be read')
    .option('--config <file>', 'write a data set config too, such as configs/datasets/mine.yml')
    .addOption(jsonOption())
    .action(imagenet);
}

async function imagenet(options: DataOptions): Promise<void> {
  const root = path.resolve(options.root);
  const out = path.resolve(options.out ?? root);
  const prepared = await prepareImageNet({
    root,
    out,
    lists: options.lists === undefined ? null : path.resolve(options.lists),
    labels: options.valLabels ?? null,
    classNames: options.classNames ?? null,
    sizes: options,
    seed: options.seed,
    look: options.quick === true ? 'header' : 'whole',
    skipBroken: options.skipBroken === true,
    onProgress: (done, all) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${all} images read${done === all ? '\n' : ''}`);
    },
  }).catch((error: unknown) => {
    if (error instanceof BadInput) throw new Failure(error.message, 2, { cause: error });
    throw error;
  });
  const dataset = await configOf(prepared, options.config);
  output(options.json, { ...prepared, dataset }, () => inWords(prepared, out, options.config));
}

/** The config of ImageNet with what was found put in; written to a file if one is named. */
async function configOf({ place }: Prepared, file: string | undefined): Promise<ImageListConfig> {
  const imageNet = new URL('../configs/datasets/imagenet.yml', import.meta.url);
  const template = ImageList.parse(load(await readFile(imageNet, 'utf8')));
  const config = { ...template, ...place, name: file === undefined ? template.name : path.parse(file).name };
  if (file !== undefined) {
    const note = '# Written by nas data imagenet; what its keys mean stands in configs/datasets/imagenet.yml.\n';
    await atomicWrite(file, note + dump(config));
  }
  return config;
}

const NAMES_FROM = { mapping: 'by their mapping', before: 'as they stood there', folders: 'of their folders' };

function inWords(
  { classes, classNames, lists, broken, notes }: Prepared,
  out: string,
  config: string | undefined,
): string {
  const rows = lists.map(({ file, images, classes: some }) => [
    path.join(out, file),
    `${images} images`,
    `${some} classes`,
  ]);
  if (classNames) {
    rows.push([path.join(out, CLASS_NAMES), `${classNames.names.length} names`, NAMES_FROM[classNames.from]]);
  }
  const left = broken.map(({ path: file, reason }) => `left out: ${file}, ${reason}`);
  const name = config === undefined ? null : path.parse(config).name;
  const next = name === null ? [] : [`run a pipeline on it with --set dataset=${name} --set n_classes=${classes}`];
  return [...columns(rows), ...left, ...notes.map((note) => `note: ${note}`), ...next].join('\n');
}
