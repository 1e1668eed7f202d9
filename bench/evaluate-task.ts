import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomImages, shapeForPython, spaceNamed } from './train-task.ts';
import type { Batch } from '../nas/data/batches.ts';
import { walk } from '../nas/evaluation/walk/prefix-tree.ts';
import { randomOf } from '../nas/space/random.ts';
import { maxArchitecture } from '../nas/space/sampling.ts';
import { subnetOf } from '../nas/space/space.ts';
import type { Space, Subnet } from '../nas/space/space.ts';
import { parseSubnetList } from '../nas/space/subnet-list.ts';
import { Supernet } from '../nas/supernet/supernet.ts';
import { saveSupernet } from '../nas/supernet/weights.ts';
import { root } from '../runtime/layout.ts';
import { referenceLogits } from '../test/support/reference.ts';

/** What both sides evaluate, given to each as a file. */
export interface EvaluateTask {
  /** Its largest resolution is the images' side. */
  readonly space: Space;
  readonly threads: number;
  readonly classes: number;
  readonly subnets: readonly Subnet[];
  /** Images that BN statistics come from: the first of the file; all after them are tested. */
  readonly calibrated: number;
  readonly calibrationBatch: number;
  readonly testBatch: number;
  /** Of the tested images. */
  readonly labels: readonly number[];
  /** Files with the images ([n, side, side, channels] float32) and the weights (safetensors). */
  readonly images: string;
  readonly weights: string;
}

interface Sizes {
  readonly calibration: { readonly batches: number; readonly size: number };
  readonly test: { readonly batches: number; readonly size: number };
}

const CLASSES = 10;

/** The competition's subnets as networks of a space (the code is the same), in the order of their list. */
export function listedSubnets(space: Space): Subnet[] {
  const file = join(root, 'configs', 'subnets', 'cvpr2022-track1.txt');
  return parseSubnetList(space, readFileSync(file, 'utf8'), file).map(({ subnet }) => subnet);
}

/** The same in the order of a walk. */
export function competitionSubnets(space: Space): Subnet[] {
  const all = listedSubnets(space);
  return walk(space, all, 1).map(({ subnet }) => all[subnet]!);
}

/** A space of configs/spaces at another resolution. */
export function spaceAt(name: string, side: number): Space {
  return { ...spaceNamed(name), resolutions: [side] };
}

/**
 * Writes weights and images of a task. Every parameter counts, as in a trained supernet; the label of an image is what the
 * largest subnet says, so that accuracies differ between subnets as far as the subnets do.
 */
export function writeTask(
  folder: string,
  space: Space,
  subnets: readonly Subnet[],
  { calibration, test }: Sizes,
  threads: number,
): EvaluateTask {
  const side = space.resolutions.at(-1)!;
  const [images, weights] = [join(folder, `${space.name}.images`), join(folder, `${space.name}.safetensors`)];
  const calibrated = calibration.batches * calibration.size;
  const tested = test.batches * test.size;
  writeFileSync(images, randomImages((calibrated + tested) * side * side * space.channels));
  const net = Supernet.build({ space, classes: CLASSES, groups: 1, seed: 0 });
  for (const parameter of net.parameters) {
    if (parameter.kind !== 'norm' && parameter.kind !== 'bias') continue;
    const random = randomOf(0, 'benchmark', parameter.name);
    const middle = parameter.kind === 'norm' ? 0.5 : 0;
    parameter.assign(parameter.read().map(() => middle + 0.2 * random.normal()));
  }
  saveSupernet(net, weights);
  const unlabelled: EvaluateTask = {
    space,
    threads,
    classes: CLASSES,
    subnets,
    calibrated,
    calibrationBatch: calibration.size,
    testBatch: test.size,
    labels: Array.from({ length: tested }, () => 0),
    images,
    weights,
  };
  const batches = batchesOf(unlabelled);
  const logits = referenceLogits(net, subnetOf(space, maxArchitecture(space)), batches.calibration, batches.test);
  net.dispose();
  return { ...unlabelled, labels: logits.flatMap((values) => largest(values)) };
}

/** The batches of a task, read from its files. */
export function batchesOf(task: EvaluateTask): { calibration: Batch[]; test: Batch[] } {
  const bytes = readFileSync(task.images);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const image = task.space.resolutions.at(-1)! ** 2 * task.space.channels;
  const cut = (first: number, last: number, size: number): Batch[] => {
    const batches: Batch[] = [];
    for (let from = first; from < last; from += size) {
      const to = Math.min(from + size, last);
      const labels = Int32Array.from({ length: to - from }, (_, i) => task.labels[from - task.calibrated + i] ?? 0);
      batches.push({ images: all.slice(from * image, to * image), labels, indices: labels });
    }
    return batches;
  };
  return {
    calibration: cut(0, task.calibrated, task.calibrationBatch),
    test: cut(task.calibrated, task.calibrated + task.labels.length, task.testBatch),
  };
}

/** The task in the words of the Python side. */
export function forPython(task: EvaluateTask): object {
  const { space, threads, subnets, labels, images, weights, calibrated } = task;
  return {
    threads,
    subnets,
    labels,
    images,
    weights,
    calibrated,
    calibration_batch: task.calibrationBatch,
    test_batch: task.testBatch,
    side: space.resolutions.at(-1),
    ...shapeForPython(space),
  };
}

function largest(logits: Float32Array): number[] {
  return Array.from({ length: logits.length / CLASSES }, (_, image) => {
    const row = logits.subarray(image * CLASSES, (image + 1) * CLASSES);
    return row.indexOf(Math.max(...row));
  });
}
