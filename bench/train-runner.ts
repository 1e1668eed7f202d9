import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { convolutionRate } from './convolution-rate.ts';
import { GRAD_CLIP_VALUE, LABEL_SMOOTHING, WEIGHT_DECAY } from './train-task.ts';
import type { TrainTask } from './train-task.ts';
import { isOnGpu, liveTensors, operationCount, watchOperations } from '../nas/supernet/tensorflow.ts';
import { loadSupernet } from '../nas/supernet/weights.ts';
import { Sgd } from '../nas/training/sgd.ts';
import { trainStep } from '../nas/training/step.ts';
import type { SandwichNet } from '../nas/training/sandwich.ts';

// Our side of bench/train.ts: the training step of a task, repeated as often as each line on stdin says.

const [taskFile = '', precision = 'float32'] = process.argv.slice(2);
const task: TrainTask = JSON.parse(readFileSync(taskFile, 'utf8'));
const net = loadSupernet(task.weights, {
  space: task.space,
  classes: task.classes,
  groups: 1,
  precision: precision === 'bf16' ? 'bf16' : 'float32',
});
const sgd = new Sgd(net.parameters, {
  optimizer: { method: 'sgd', momentum: 0.9, nesterov: true },
  grad_clip_value: GRAD_CLIP_VALUE,
  weight_decay_weight: WEIGHT_DECAY,
  weight_decay_bn_bias: 0,
});
const bytes = readFileSync(task.images);
const images = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
const labels = Int32Array.from(task.labels);

let iteration = 0;
function step(nets: readonly SandwichNet[]): number[] {
  const { losses } = trainStep(net, sgd, { images, labels, indices: labels }, nets, {
    iteration: iteration++,
    seed: 0,
    rate: task.rate,
    labelSmoothing: LABEL_SMOOTHING,
    distill: true,
    regularisation: { dropout: task.dropout, dropConnect: 0, onlyLastTwoStages: false },
  });
  return losses;
}

/** Share of an iteration's time that convolutions and products of matrices take. A card works on its own: it is not known there. */
function convolutionShare(): number | undefined {
  if (isOnGpu()) return undefined;
  let [convolving, all] = [0, 0];
  for (const nets of task.iterations) {
    watchOperations((op, ms) => {
      if (op.startsWith('Conv2D') || op.startsWith('BatchMatMul')) convolving += ms;
    });
    const start = performance.now();
    step(nets);
    all += performance.now() - start;
    watchOperations(null);
  }
  return convolving / all;
}

for await (const line of createInterface({ input: process.stdin })) {
  const ms: number[] = [];
  const losses: number[][] = [];
  const before = operationCount();
  for (let time = 0; time < Number(line); time++) {
    for (const nets of task.iterations) {
      const start = performance.now();
      losses.push(step(nets));
      ms.push(performance.now() - start);
    }
  }
  const operations = (operationCount() - before) / ms.length;
  const measured = { rate: convolutionRate(net, task.batch), convolutionShare: convolutionShare() };
  const memory = { peakMb: process.resourceUsage().maxRSS / 1024, residentMb: process.memoryUsage.rss() / 2 ** 20 };
  console.log(JSON.stringify({ ms, losses, operations, ...measured, ...memory, liveTensors: liveTensors() }));
}
